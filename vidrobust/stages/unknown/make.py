"""The stage: the tables and unknown.json of a run, and pictures of the frames that are farthest outside."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.models.inside.answered import ONLY_ANSWERS
from vidrobust.models.inside.look import look_of
from vidrobust.models.inside.looked import LACKS, Look, Looked
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifier
from vidrobust.stages.unknown.asked import Asked, Wanted, ask, spread
from vidrobust.stages.unknown.events import events_of
from vidrobust.stages.unknown.farthest import farthest, take_pictures
from vidrobust.stages.unknown.known_footage import clips_of, known_of, recorded, with_parts
from vidrobust.stages.unknown.rows import frame_rows, link_rows, score_rows
from vidrobust.stages.unknown.sentence import sentence
from vidrobust.stages.unknown.stills import copies
from vidrobust.stages.unknown.study import Events, ScoreStudied, leading, study
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import plural

FILE = "unknown.json"
TABLES = ("unknown", "unknown_links", "unknown_frames")


def make(run: Run) -> None:
    """Write the tables and the file; empty ones where nothing is said to be known, or no classifier answers."""
    classifiers = (
        [model for model in run.models if model.task == "classification"] if run.settings.known else []
    )
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    said: dict[str, Any] = {}
    if run.settings.known and not classifiers:
        run.reporter.warn("unknown: no classifier is among the models, and detectors are not compared")
    if classifiers:
        frames = with_parts(run.table("frames"), run.folder)
        able = [model for model in classifiers if needs_pixels(model)]
        asked = _asked(run, able, frames) if able else None
        for model in classifiers:
            _model(run, model, frames[frames["model"] == model.name], asked, parts, said)
    for name, found in parts.items():
        whole = pd.concat(found, ignore_index=True) if found else tables.empty(name)
        run.folder.write_table(name, tables.check(name, whole))
    run.folder.write_json(FILE, {"known": list(run.settings.known), "models": said})


def _model(
    run: Run,
    model: Model,
    frames: pd.DataFrame,
    asked: tuple[dict[str, Look], Asked, Asked] | None,
    parts: dict[str, list[pd.DataFrame]],
    said: dict[str, Any],
) -> None:
    """One classifier's rows and words."""
    if not len(frames):
        return
    if needs_pixels(model):
        assert asked is not None
        looks, known, footage = asked
        look = looks[model.name]
    else:
        look = Look(frames=_cannot, lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
        known = _recorded(recorded(run, model.name), model.name)
        footage = _recorded(frames, model.name)
    rows = footage.rows.merge(
        frames[["item", "frame", "label", "label_name", "margin"]], on=["item", "frame"], how="left"
    )
    events = Events(rows["margin"].to_numpy(np.float64), events_of(run, model.name, rows))
    found = study(known, footage, model.name, look.lacks, events, run.settings.false_alarms)
    parts["unknown"].append(score_rows(model.name, found, run.settings.false_alarms))
    parts["unknown_links"].append(link_rows(model.name, found))
    parts["unknown_frames"].append(frame_rows(model.name, found, footage.rows))
    said[model.name] = _words(run, model.name, found, look, known, rows)


def _words(
    run: Run, model: str, found: list[ScoreStudied], look: Look, known: Asked, rows: pd.DataFrame
) -> dict[str, Any]:
    """What unknown.json says of a model."""
    first = leading(found)
    doubles = copies_of(known)
    if doubles:
        run.reporter.say(
            f"unknown: {doubles} of {plural(len(known.rows), 'known picture')} are near-copies of another, and "
            "count with it as one"
        )
    text = sentence(first, run.settings.false_alarms)
    run.reporter.say(f"unknown, {model}: {text}")
    shown = farthest(first, rows) if first is not None else []
    if run.settings.pictures:
        take_pictures(run, model, shown)
    return {
        "sentence": text,
        "leading": "" if first is None else first.score.name,
        "features": look.head,
        "lacks": {each.score.name: each.why for each in found if each.why},
        "known_frames": len(known.rows),
        "known_copies": doubles,
        "known_clips": int(known.rows["item"].nunique()),
        "farthest": shown,
    }


def copies_of(known: Asked) -> int:
    """Known pictures that are near-copies of another one."""
    return 0 if known.small is None else len(known.small) - int(copies(known.small).max(initial=-1)) - 1


def _asked(
    run: Run, models: Sequence[Classifier], frames: pd.DataFrame
) -> tuple[dict[str, Look], Asked, Asked]:
    """How the networks are asked, and what they say of known footage and of the footage."""
    looks = {model.name: look_of(model) for model in models}
    most = run.settings.scored_frames
    of_known = clips_of(known_of(run), most, run.reporter)
    of_footage = _footage(run, frames, most)
    found = []
    for title, clips in (("known footage", of_known), ("unknown", of_footage)):
        total = sum(len(clip.frames) for clip in clips)
        with run.reporter.counting(title, total, "frames") as counter:
            found.append(ask(looks, clips, counter.advance))
    return looks, found[0], found[1]


def _footage(run: Run, frames: pd.DataFrame, most: int) -> list[Wanted]:
    """So many of the frames that were answered, evenly over the run."""
    every = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"], kind="stable")
    chosen = every.iloc[spread(len(every), most)]
    return [
        Wanted(
            item=str(item),
            part=str(rows["part"].iloc[0]),
            frames=frozenset(rows["frame"].tolist()),
            opened=functools.partial(run.opened, str(item)),
        )
        for item, rows in chosen.groupby("item", sort=False)
    ]


def _recorded(frames: pd.DataFrame, model: str) -> Asked:
    """Answers of a file, of which there is the probability alone."""
    looked = Looked(
        answer=frames["label"].to_numpy(np.int64), surest=frames["probability"].to_numpy(np.float64)
    )
    rows = frames[["item", "frame", "time_s", "part"]].reset_index(drop=True)
    return Asked(rows, {model: looked})


def _cannot(pixels: object) -> Looked:
    raise AssertionError("a model whose answers were recorded is not asked")
