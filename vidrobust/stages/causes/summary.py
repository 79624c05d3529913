"""What is made of all units of the stage causes: the account, and what is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidrobust.metrics.catalogue import ACCOUNTS
from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Look
from vidrobust.run_folder.parts import with_parts
from vidrobust.stages.causes.keyframes import keyframe_tests
from vidrobust.stages.causes.margins import flip_counts
from vidrobust.stages.causes.naming import Asked, named_at, open_causes, replicated
from vidrobust.stages.causes.shares import over_a_second, summarise_by
from vidrobust.stages.causes.shares import summarise as summarise_account
from vidrobust.tables import schema as tables


def conclude(run: Run, looks: Sequence[Look]) -> None:
    """The tables ``account``, ``account_by`` and ``named``, and the same of the places of detectors' boxes.

    The account is that of the last look; a cause that was named at an earlier one stays named.
    """
    for prefix in ACCOUNTS:
        rows = with_parts(run.table(f"{prefix}causes"), run.folder.record.parts)
        found = {name: tables.empty(name) for name in ("account", "account_by", "named")}
        if len(rows):
            keyframes = None if prefix else _keyframe_tests(run)
            found["account"] = summarise_account(rows, keyframes=keyframes, flips=_flips(run))
            found["account_by"] = summarise_by(rows)
            before = [look for look in looks[:-1] if len(look.tables[f"{prefix}causes"])]
            earlier = [_asked(look, prefix, keyframes) for look in before]
            last = Asked(
                part=looks[-1].part, account=found["account"], slow=over_a_second(found["account_by"])
            )
            found["named"] = replicated(rows, named_at([*earlier, last]))
        for name, table in found.items():
            run.folder.write_table(f"{prefix}{name}", table)


def _asked(look: Look, prefix: str, keyframes: Mapping[str, float] | None) -> Asked:
    rows = look.tables[f"{prefix}causes"]
    account = summarise_account(rows, per_item=False, keyframes=keyframes)
    return Asked(part=look.part, account=account, slow=over_a_second(summarise_by(rows)))


def undecided(run: Run) -> bool:
    """Whether some cause is neither named nor surely small, so that more pairs may tell."""
    return any(
        bool(open_causes(run.table(f"{prefix}account"), run.table(f"{prefix}named")).any())
        for prefix in ACCOUNTS
    )


def _flips(run: Run) -> dict[tuple[str, str], int] | None:
    """How often each classifier's label flips between neighbours, where the stability was measured."""
    pairs = run.table_or_empty("pairs")
    return flip_counts(pairs) if len(pairs) else None


def _keyframe_tests(run: Run) -> dict[str, float]:
    """Per model, whether its change at keyframes is larger than chance; from all pairs of neighbours."""
    pairs = run.table_or_empty("pairs")
    near = pairs[pairs["kind"] == "adjacent"]
    transitions = run.table("transitions")[["item", "frame", "keyframe"]].rename(columns={"frame": "frame_b"})
    return keyframe_tests(near.merge(transitions, on=["item", "frame_b"], how="left"))
