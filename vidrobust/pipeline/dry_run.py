"""What a study would do, planned without writing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_models
from vidrobust.pipeline import keys
from vidrobust.pipeline.build import check_settings
from vidrobust.pipeline.open import existing_of, folder_of, settled
from vidrobust.pipeline.plan import Plan, units_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.pipeline.stage import FootageStage, Stage, Stages
from vidrobust.pipeline.workers.worker import Unit
from vidrobust.run_folder.folder import RunFolder, check_room, new_run
from vidrobust.run_folder.settings import Settings


class UnwrittenFolder(RunFolder):
    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        super().__init__(path)
        self._run = dict(run)

    @property
    def run(self) -> dict[str, Any]:
        return dict(self._run)

    def update(self, **values: Any) -> None:
        self._run.update(values)

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Nothing is written."""

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Nothing is written."""


def planned(
    settings: Settings,
    stages: Stages,
    out: str | None,
    reporter: Reporter,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Return what each stage would make, and about how long it takes, also as ``text``."""
    settings = settled(settings)
    if not settings.model:
        raise SettingsError(
            "no model given: use --model SPEC, for example --model efficientnet-lite0"
        )
    check_settings(settings, stages.stages)
    path = folder_of(settings, out)
    check_room(path)
    known = None if overwrite else existing_of(path, settings)
    begun = new_run(settings) if known is None else {**known.run, "settings": settings.as_dict()}
    models = load_models(settings.model, device=settings.device, engine=settings.engine)
    run = OpenRun(UnwrittenFolder(path, begun), settings, reporter, models)
    if run.hashes and not run.hashes.is_file():
        run.hashes = None
    plan = Plan(run, stages, stages.stages)
    plan.look()
    units = [unit for item in run.inputs.readable for unit in units_of(plan, stages.footage, item)]
    missing = units if known is None else [unit for unit in units if not unit.done(run.cache)]
    steps = _steps(plan, units, missing)
    ahead = _ahead(plan, missing)
    questions = plan.outlooks(stages.stages)
    ahead["lines"] += [outlook.text for outlook in questions]
    return {
        "out": str(path),
        "stages": steps,
        "questions": [dataclasses.asdict(outlook) for outlook in questions],
        "failed": run.inputs.failed,
        "text": "\n".join(
            [*(f"{name}: {state}" for name, state in steps.items()), *ahead.pop("lines")]
        ),
        **ahead,
    }


def _steps(plan: Plan, units: Sequence[Unit], missing: Sequence[Unit]) -> dict[str, str]:
    run, states = plan.run, dict[str, str]()
    anew: set[str] = set()
    for stage in plan.stages.stages:
        if stage.on_request and stage.name not in run.folder.run["stages"]:
            continue
        if isinstance(stage, FootageStage):
            every, left = (
                len({u.key for u in group if u.stage == stage}) for group in (units, missing)
            )
            state = f"{left} of {every} units to be made" if left else ""
            if not every:
                states[stage.name] = "cannot be determined from recorded predictions"
                continue
        else:
            state = ""
        state = state or _why(run, stage, anew)
        if state:
            anew.add(stage.name)
        states[stage.name] = state or "up to date"
    return states


def _why(run: OpenRun, stage: Stage, anew: set[str]) -> str:
    records = run.folder.run["stages"]
    if stage.name not in records:
        return "to be made"
    why = keys.reasons(stage, run.settings, records)
    why += [
        f"{other.name} is made anew" for other in (*stage.needs, *stage.uses) if other.name in anew
    ]
    why += [f"{name} is not there" for name in keys.missing(run.folder, stage)]
    return f"to be made anew: {'; '.join(dict.fromkeys(why))}" if why else ""


def _ahead(plan: Plan, missing: Sequence[Unit]) -> dict[str, Any]:
    run = plan.run
    names = {unit.item.name for unit in missing}
    items = [item for item in run.inputs.readable if item.name in names]
    nothing: dict[str, Any] = {"items": len(items), "frames": 0, "forward_passes": 0}
    nothing |= dict.fromkeys(("seconds", "low_s", "high_s"), 0.0)
    if not items:
        return {**nothing, "lines": []}
    if not plan.able:
        return {**nothing, "lines": ["answers from a file: the time is that of decoding"]}
    ahead = plan.cost(items)
    if ahead is None:
        raise run.inputs.unreadable()
    partly = any(
        unit.done(run.cache) for item in items for unit in units_of(plan, plan.stages.footage, item)
    )
    of_samples = sum(steps for cost, steps in ahead.costs if cost.stage != "stream")
    return {
        "items": ahead.items,
        "frames": ahead.frames,
        "items_of_unknown_length": ahead.unknown,
        "sample": {"frames": ahead.counts.frames, "pairs": ahead.counts.pairs},
        "workers": ahead.workers,
        "forward_passes": (ahead.frames + of_samples) * len(plan.able),
        "seconds": round((ahead.low_s + ahead.high_s) / 2, 1),
        "low_s": ahead.low_s,
        "high_s": ahead.high_s,
        "lines": [
            ahead.text,
            *(["minus what has already been computed for these inputs"] if partly else []),
        ],
    }
