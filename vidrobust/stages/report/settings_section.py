"""What the run was: models, settings, versions, and the seconds each stage took."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import ModelRecord
from vidrobust.text.durations import duration

STAGES = ("stability", "sensitivity", "variation", "causes", "correlate", "policy", "remedies", "report")


NEED_PIXELS = ("sensitivity", "causes", "correlate", "policy")
"""Stages that show a model new pictures, or stand on those that do."""


def not_run(stage: str, run: RunTables) -> str:
    """The sentence of a section whose stage has no result: the command that makes it, or why none can."""
    asked = run.record.models
    if stage in NEED_PIXELS and asked and all(recorded(model) for model in asked):
        return (
            "This cannot be determined from recorded predictions: it shows the model new pictures. Give the model "
            "itself (--model onnx:FILE, torchvision:NAME, ...)"
        )
    if stage in run.record.stages:
        return "This stage has run, and found nothing that it could judge."
    return f"This stage has not run: vidrobust {stage} {run.folder}"


def recorded(model: ModelRecord) -> bool:
    """Whether a model of run.json is a file of answers."""
    return model.spec.startswith(("predictions:", "detections:"))


def made_on(run: RunTables) -> str:
    """The day on which the leading figures were computed, as "26 November 2026"; empty where none were."""
    for name in ("stability.parquet", "run.json"):
        path = run.folder / name
        if path.is_file():
            day = datetime.fromtimestamp(path.stat().st_mtime)
            return f"{day.day} {day:%B %Y}"
    return ""


def models(run: RunTables) -> list[dict[str, Any]]:
    """Each model with what run.json says of it; empty fields are left out."""
    result = []
    for entry in run.record.models:
        rest = {k: v for k, v in asdict(entry).items() if k not in ("name", "notes") and v}
        facts = [{"name": k.replace("_", " "), "value": str(v)} for k, v in rest.items()]
        result.append({"name": entry.name, "facts": facts, "notes": list(entry.notes)})
    return result


def settings(run: RunTables) -> list[dict[str, str]]:
    """Every setting, in the order of run.json."""
    return [{"name": k, "value": _plain(v)} for k, v in run.record.settings.items()]


def versions(run: RunTables) -> list[dict[str, str]]:
    """Programs and libraries that the numbers depend on."""
    return [{"name": k, "value": v} for k, v in run.record.versions.items()]


def stages(run: RunTables) -> list[dict[str, str]]:
    """Each stage: done and how long it took, or not run."""
    done = run.record.stages
    rows = []
    for stage in [*STAGES, *(s for s in done if s not in STAGES)]:
        if stage == "report":
            continue
        if stage in done:
            seconds = done[stage].seconds
            text = duration(seconds) if seconds is not None else "done"
        elif stage == "variation" and run.table("variation") is not None:
            text = "measured together with the stability"
        else:
            text = "not run"
        rows.append({"name": stage, "value": text})
    return rows


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) if value else "none"
    return str(value)
