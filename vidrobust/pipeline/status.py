"""What a run folder holds: each stage done, stale or missing, with its time. Read from run.json alone."""

from __future__ import annotations

from typing import Any

from vidrobust.pipeline.keys import missing, reasons
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
            why += [f"{name} is not there" for name in missing(folder, stage)]
            seconds = records[stage.name]["seconds"]
            row = {
                "stage": stage.name,
                "state": "stale" if why else "done",
                "seconds": seconds,
                "why": "; ".join(why),
            }
        rows.append(row)
    return rows
