"""Ask every model again on every input, arm by arm."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.inputs import decoder_of
from vidrobust.pipeline.keys import model_key
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.corrected_footage.footage import InputShown, answered, replay_of
from vidrobust.plugins.corrected_footage.names import (
    CONTROL,
    FILE,
    FREE,
    NAME,
    SETTINGS,
    SHARED,
    VERSION,
)
from vidrobust.predictions import Classifications, Detections
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.tables import schema as tables
from vidrobust.version import VERSION as PACKAGE

TABLES = {"classification": "replayed_answers", "detection": "replayed_boxes"}


@dataclass(frozen=True)
class CacheOwner:
    """What the cache needs to know of an arm on an input: one table."""

    unit_tables: tuple[str, ...]
    name: str = NAME


def ask_again(run: OpenRun) -> None:
    """Write ``replayed_answers``, ``replayed_boxes`` and replays.json, of all arms."""
    by_table: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES.values()}
    about: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    models = [model for model in run.models if needs_pixels(model) and model.task in TABLES]
    for item in run.inputs.readable:
        shown = InputShown.of(run, item) if models else None
        if shown is None:
            continue
        for name, model in product((*SHARED, CONTROL), models):
            rows, fact = _unit(shown, model, name)
            by_table[TABLES[model.task]].append(rows)
            about.setdefault((model.name, name), []).append((item.name, fact))
    for name, parts in by_table.items():
        filled = [part for part in parts if len(part)]
        run.folder.write_table(
            name, pd.concat(filled, ignore_index=True) if filled else tables.empty(name)
        )
    run.folder.write_json(
        FILE, {"arms": [_about(*key, facts) for key, facts in sorted(about.items())]}
    )


def _unit(shown: InputShown, model: Model, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    run, table = shown.run, TABLES[model.task]
    kept = CacheOwner((table,))
    key = key_of(
        {
            "version": VERSION,
            "package": PACKAGE,
            "arm": name,
            "content": run.inputs.content[shown.item.name],
            "decoder": decoder_of(
                shown.item.path, run.settings.backend, run.settings.device, run.settings.color
            ),
            "model": model_key(model),
            "classes": list(model.class_names),
            "settings": run.settings.subset(SETTINGS),
        }
    )
    if not run.cache.has(kept, key):
        run.reporter.say(f"replays, {shown.item.name}: {name}, {model.name}")
        rows, facts = _asked(shown, model, name)
        if rows is None or rows.empty:
            rows = tables.empty(table)
        else:
            rows = rows.assign(item=shown.item.name, model=model.name, remedy=name)
        run.cache.write(kept, key, {table: rows}, facts)
    rows = run.cache.read(kept, key, table, shown.item.name).assign(model=model.name)
    return rows, run.cache.facts(kept, key)


def _asked(
    shown: InputShown, model: Model, name: str
) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """Answers to one corrected input, if it could be made; what was done, and the seconds of work a frame."""
    replay = replay_of(name, shown)
    facts = {"note": replay.note, "seconds": 0.0, "same": replay.same, "shown": False}
    if replay.frames is None or replay.same:
        return None, facts
    spent = 0.0

    def ask(pixels: torch.Tensor) -> Classifications | Detections:
        nonlocal spent
        begin = time.perf_counter()
        answer = shown.asked(model, pixels)
        spent += time.perf_counter() - begin
        return answer

    begin = time.perf_counter()
    rows = answered(shown, replay.frames(), ask)
    seconds = 0.0 if name in FREE else time.perf_counter() - begin - spent
    return rows, {**facts, "seconds": seconds / max(len(shown.number), 1), "shown": True}


def _about(
    model: str, remedy: str, facts: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    seconds = [fact["seconds"] for _, fact in facts if fact["shown"]]
    return {
        "model": model,
        "remedy": remedy,
        "cost_ms": 1000.0 * float(np.median(seconds)) if seconds else 0.0,
        "note": _joined([fact for _, fact in facts]),
        "shown": [item for item, fact in facts if fact["shown"]],
        "same": sum(bool(fact["same"]) for _, fact in facts),
    }


def _joined(facts: Sequence[Mapping[str, Any]]) -> str:
    """What was done, what needed nothing and what could not be done: a note of each, and of how many inputs."""
    groups: dict[tuple[bool, bool], list[str]] = {}
    for fact in facts:
        groups.setdefault((not fact["shown"], not fact["same"]), []).append(str(fact["note"]))
    notes = []
    for _, same in sorted(groups.items()):
        others = len(set(same)) - 1
        where = f"in {len(same)} of {len(facts)} inputs: " if len(groups) > 1 else ""
        notes.append(f"{where}{same[0]}{f'; and {others} more such' if others else ''}")
    return "; ".join(notes)
