"""What each result depends on, and whether it is missing, stale or done."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from vidrobust.footage.item import Item
from vidrobust.models.info import identity
from vidrobust.models.predict import Model
from vidrobust.pipeline.inputs import KnownLabels, Segment, decoder_of
from vidrobust.pipeline.stage import FootageStage, Stage, Stages, TableStage
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache, key_of
from vidrobust.version import VERSION

# What run.json says of a stage: key, version, package, settings, needs (key by stage), units, seconds.
Record = Mapping[str, Any]

# A name, new in every process, for models that state nothing their units could be known by.
_UNKNOWN: dict[int, str] = {}


# What the times of frames count from, which all units hold.
TIMES = "first frame"


def model_key(model: Model) -> dict[str, Any]:
    """Return what a model's numbers depend on; unique to this process if it does not say."""
    known = identity(model)
    if known is None:
        return {"name": model.name, "process": _UNKNOWN.setdefault(id(model), uuid.uuid4().hex)}
    return {"name": model.name, **known}


def unit_key(
    stage: FootageStage, item: Item, content: str, settings: Settings, model: Model | None
) -> str:
    """Return a unit's key: content, how it is decoded, model, settings, and the keys its stage needs."""
    fixed = {"deterministic": True} if settings.deterministic else {}
    needs = (needed for needed in stage.needs if isinstance(needed, FootageStage))
    return key_of(
        {
            **fixed,
            "stage": stage.name,
            "version": stage.version,
            "package": VERSION,
            "times": TIMES,
            "content": content,
            "decoder": decoder_of(item.path, settings.backend, settings.device, settings.color),
            "model": None if model is None else model_key(model),
            "settings": settings.subset(stage.settings),
            "extra": stage.extra_key(settings, model),
            "needs": {
                needed.name: unit_key(
                    needed, item, content, settings, model if needed.per == "model" else None
                )
                for needed in needs
            },
        }
    )


def record(
    stage: Stage,
    settings: Settings,
    units: Mapping[tuple[str, str, int], str],
    records: Mapping[str, Record],
    known: KnownLabels | None = None,
) -> dict[str, Any]:
    read = [other.name for other in (*stage.needs, *stage.uses)]
    made_of = {
        "version": stage.version,
        "package": VERSION,
        "settings": settings.subset(stage.all_settings),
        "labels": "" if known is None else key_of({"known": known.as_rows()}),
        "needs": {name: records[name].get("key", "") for name in read if name in records},
        "units": dict(units),
    }
    outside = stage.reads(settings) if isinstance(stage, TableStage) else None
    if outside is not None:
        made_of["reads"] = key_of({"reads": outside})
    return {"key": key_of(made_of), **made_of, "units": len(units)}


def reasons(stage: Stage, settings: Settings, records: Mapping[str, Record]) -> list[str]:
    entry = records[stage.name]
    changes = []
    version, package = entry.get("version", 0), entry.get("package", "of another version")
    if version != stage.version or package != VERSION:
        changes.append(f"made by vidrobust {package}, stage version {version}")
    settings_then, needs = entry.get("settings", {}), entry.get("needs", {})
    for name, value in settings.subset(stage.all_settings).items():
        if settings_then.get(name) != value:
            changes.append(f"{name} was {_word(settings_then.get(name))}, now {_word(value)}")
    for other in (*stage.needs, *stage.uses):
        name = other.name
        if name in records and needs.get(name) != records[name].get("key"):
            changes.append(f"{name} was made anew" if name in needs else f"{name} was made since")
    changes += [f"{needed.name} is missing" for needed in stage.needs if needed.name not in records]
    return changes


def missing(folder: RunFolder, stage: Stage) -> list[str]:
    rows = folder.run["stages"][stage.name].get("rows", {})
    lost = [name for name in stage.all_tables if rows.get(name, 0) and not folder.has(name)]
    return lost + [name for name in stage.files if not (folder.path / name).is_file()]


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "empty"
    return "unset" if value in (None, "") else str(value)


def reader_of_needed(
    cache: UnitCache,
    stage: FootageStage,
    segment: Segment,
    settings: Settings,
    models: Mapping[str, Model],
) -> Callable[[str, str], pd.DataFrame | None]:
    """Return a function (model, table) -> unit table of a needed stage, or None."""

    def read(model: str, table: str) -> pd.DataFrame | None:
        for needed in stage.needs:
            if isinstance(needed, FootageStage) and table in needed.unit_tables:
                of = models.get(model) if needed.per == "model" else None
                if needed.per == "model" and of is None:
                    return None
                key = unit_key(needed, segment.item, segment.content, settings, of)
                there = cache.has(needed, key)
                return cache.read(needed, key, table, segment.item.name) if there else None
        return None

    return read


def status(folder: RunFolder, stages: Stages) -> list[dict[str, Any]]:
    """Return rows of stage, state (done, stale or missing), seconds and why."""
    records, settings = folder.run["stages"], folder.settings
    rows = []
    for stage in stages.stages:
        row = {"stage": stage.name, "state": "missing", "seconds": None, "why": ""}
        if stage.name in records:
            why = reasons(stage, settings, records)
            why += [f"{name} is not there" for name in missing(folder, stage)]
            row |= {"state": "stale" if why else "done", "why": "; ".join(why)}
            row["seconds"] = records[stage.name].get("seconds")
        elif stage.on_request:
            continue
        rows.append(row)
    return rows
