"""The stage: every arm of every model on every input, each kept in the cache as it is finished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.keys import model_key
from vidrobust.pipeline.run import Run
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.stages.replays.arms import Arm, Said, arms_of, extra_key
from vidrobust.stages.replays.names import CONTROL, FILE, NAME, SETTINGS, VERSION
from vidrobust.stages.replays.shown import Shown
from vidrobust.tables import schema as tables
from vidrobust.version import VERSION as PACKAGE

TABLES = {"classification": "replayed_answers", "detection": "replayed_boxes"}


@dataclass(frozen=True)
class Kept:
    """What the cache needs to know of an arm on an input: one table."""

    unit_tables: tuple[str, ...]
    name: str = NAME


def replay_all(run: Run, only: Collection[str] = ()) -> None:
    """Write the tables ``replayed_answers`` and ``replayed_boxes``, and replays.json.

    Of every model that looks at pixels, on every input, every arm; ``only``: these, where some are named.
    """
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES.values()}
    about: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
    models = [(model, arms_of(run, model)) for model in run.models if needs_pixels(model)]
    every = dict.fromkeys(name for _, arms in models for name in arms)
    names = [name for name in every if not only or name in (*only, CONTROL)]
    for item in run.inputs.readable:
        shown = Shown.of(run, item) if models else None
        if shown is None:
            continue
        for name, (model, arms) in product(names, models):
            if name in arms:
                rows, facts = _unit(shown, model, name, arms[name])
                found[TABLES[model.task]].append(rows)
                for remedy, fact in facts.items():
                    about.setdefault((model.name, remedy), []).append((item.name, fact))
    for name, parts in found.items():
        filled = [part for part in parts if len(part)]
        run.folder.write_table(name, pd.concat(filled, ignore_index=True) if filled else tables.empty(name))
    run.folder.write_json(FILE, {"arms": [_about(*key, facts) for key, facts in sorted(about.items())]})


def _unit(shown: Shown, model: Model, name: str, arm: Arm) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows and facts of an arm on an input, from the cache where they are there."""
    run, table = shown.run, TABLES[model.task]
    kept, contents = Kept((table,)), sorted(run.inputs.content.values())
    key = key_of(
        {
            "version": VERSION,
            "package": PACKAGE,
            "arm": name,
            "content": run.inputs.content[shown.item.name],
            "model": model_key(model),
            "classes": list(model.class_names),
            "settings": run.settings.subset(SETTINGS),
            "extra": extra_key(run, name, contents),
        }
    )
    if not run.cache.has(kept, key):
        run.reporter.say(f"replays, {shown.item.name}: {name}, {model.name}")
        said = arm(shown, model)
        parts = list(_rows(said, shown, model))
        rows = pd.concat(parts, ignore_index=True) if parts else tables.empty(table)
        run.cache.write(kept, key, {table: rows}, {"remedies": {n: _fact(s) for n, s in said.items()}})
    facts: dict[str, Any] = run.cache.facts(kept, key)["remedies"]
    return run.cache.read(kept, key, table, shown.item.name).assign(model=model.name), facts


def _rows(said: Mapping[str, Said], shown: Shown, model: Model) -> Iterator[pd.DataFrame]:
    for remedy, each in said.items():
        if each.rows is not None and len(each.rows):
            yield each.rows.assign(item=shown.item.name, model=model.name, remedy=remedy)


def _fact(said: Said) -> dict[str, Any]:
    shown = said.rows is not None
    return {"note": said.note, "seconds": said.seconds, "same": said.same, "shown": shown}


def _about(model: str, remedy: str, facts: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """One model and remedy over all inputs.

    shown  inputs whose answers stand in the table; same: how many inputs had nothing to be taken away
    """
    seconds = [fact["seconds"] for _, fact in facts if fact["shown"]]
    return {
        "model": model,
        "remedy": remedy,
        "cost_ms": 1000.0 * float(np.median(seconds)) if seconds else 0.0,
        "note": _joined([str(fact["note"]) for _, fact in facts]),
        "shown": [item for item, fact in facts if fact["shown"]],
        "same": sum(bool(fact["same"]) for _, fact in facts),
    }


def _joined(notes: Sequence[str]) -> str:
    """The notes of all inputs, two in words and the rest counted."""
    distinct = list(dict.fromkeys(notes))
    more = f"; and {len(distinct) - 2} more such" if len(distinct) > 2 else ""
    return "; ".join(distinct[:2]) + more
