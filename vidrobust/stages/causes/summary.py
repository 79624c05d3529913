"""What is made of all units of the stage causes: the account, and what is named."""

from __future__ import annotations

from vidrobust.metrics.catalogue import ACCOUNTS
from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Facts
from vidrobust.run_folder.parts import with_parts
from vidrobust.stages.causes.keyframes import keyframe_tests
from vidrobust.stages.causes.margins import flip_counts
from vidrobust.stages.causes.naming import named, replicated
from vidrobust.stages.causes.shares import over_a_second, summarise_by
from vidrobust.stages.causes.shares import summarise as summarise_account
from vidrobust.tables import schema as tables


def summarise(run: Run, facts: Facts) -> None:
    """The tables ``account``, ``account_by`` and ``named``, and the same of the places of detectors' boxes."""
    for prefix in ACCOUNTS:
        rows = with_parts(run.table(f"{prefix}causes"), run.folder.record.parts)
        found = {name: tables.empty(name) for name in ("account", "account_by", "named")}
        if len(rows):
            keyframes = None if prefix else _keyframe_tests(run)
            found["account"] = summarise_account(rows, keyframes=keyframes, flips=_flips(run))
            found["account_by"] = summarise_by(rows)
            names = named(found["account"], over_a_second(found["account_by"]))
            found["named"] = replicated(rows, names)
        for name, table in found.items():
            run.folder.write_table(f"{prefix}{name}", table)


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
