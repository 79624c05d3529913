"""What a run folder holds: each stage done, stale or missing, with its time. Read from run.json alone."""

from __future__ import annotations

from typing import Any

from vidrobust.pipeline.keys import reasons
from vidrobust.pipeline.stage import Stages
from vidrobust.run_folder.folder import RunFolder


def status(folder: RunFolder, stages: Stages) -> list[dict[str, Any]]:
    """Rows stage, state ("done", "stale" or "missing"), seconds, why, in the order of the stages."""
    records, settings = folder.run["stages"], folder.settings
    rows = []
    for stage in stages.stages:
        if stage.name not in records:
            if stage.on_request:
                continue
            row = {"stage": stage.name, "state": "missing", "seconds": None, "why": ""}
        else:
            why = reasons(stage, settings, records)
            lost = [name for name in stage.all_tables if not folder.has(name)]
            lost += [name for name in stage.files if not (folder.path / name).is_file()]
            why += [f"{name} is not there" for name in lost]
            seconds = records[stage.name]["seconds"]
            row = {
                "stage": stage.name,
                "state": "stale" if why else "done",
                "seconds": seconds,
                "why": "; ".join(why),
            }
        rows.append(row)
    return rows
