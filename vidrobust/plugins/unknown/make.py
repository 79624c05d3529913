"""The stage: tables, unknown.json, and pictures of the frames farthest outside."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.metric import usable_pairs
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.unknown.footage import (
    ClipRequest,
    FrameReadouts,
    ask,
    clips_of,
    copies,
    known_of,
    recorded,
    spread,
    with_parts,
)
from vidrobust.plugins.unknown.inside import LACKS, ONLY_ANSWERS, Probe, Readout, probe_of
from vidrobust.plugins.unknown.settings import ERROR, FLIP, UnknownSettings
from vidrobust.plugins.unknown.study import FrameEvents, ScoreResult, leading, sentence, study
from vidrobust.predictions import Classifier
from vidrobust.report.pictures import save_picture
from vidrobust.stages.remedies.truth import correct, right_classes
from vidrobust.statistics.clusters import SHORTEST_S
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import plural

# Rows of the tables ``unknown``, ``unknown_links`` and ``unknown_frames``.

NAN = float("nan")


def score_rows(model: str, found: Sequence[ScoreResult], allowed: float) -> pd.DataFrame:
    """A row a score, also of those that cannot be had."""
    first = leading(list(found))
    rows = []
    for each in found:
        row: dict[str, Any] = {
            "model": model,
            "score": each.score.name,
            "leading": each is first,
            "allowed": allowed,
        }
        rows.append({**_NOTHING, **row, "why": each.why, **_measured(each)})
    return tables.check("unknown", pd.DataFrame(rows))


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(
        ("threshold", "false_alarms", "false_alarms_low", "false_alarms_high", "effective_frames"),
        NAN,
    ),
    **dict.fromkeys(("outside", "low", "high", "excess", "excess_low", "excess_high"), NAN),
    **dict.fromkeys(("known_frames", "known_clusters", "n", "clusters"), 0),
    **dict.fromkeys(("known_cluster", "verdict", "cluster"), ""),
}


def _measured(each: ScoreResult) -> dict[str, Any]:
    if each.known is None or each.outside is None:
        return {}
    alarms, share, excess = each.known.false_alarms, each.outside.share, each.outside.excess
    return {
        "threshold": each.known.threshold,
        "false_alarms": alarms.value,
        "false_alarms_low": alarms.low,
        "false_alarms_high": alarms.high,
        "known_frames": alarms.n,
        "known_cluster": alarms.cluster,
        "known_clusters": alarms.clusters,
        "effective_frames": each.known.effective,
        "outside": share.value,
        "low": share.low,
        "high": share.high,
        "excess": excess.value,
        "excess_low": excess.low,
        "excess_high": excess.high,
        "verdict": each.outside.verdict,
        "why": each.outside.why,
        "n": share.n,
        "clusters": share.clusters,
        "cluster": share.cluster,
    }


def link_rows(model: str, found: Sequence[ScoreResult]) -> pd.DataFrame:
    """A row a score, event, and alone or given the margin."""
    rows = [
        {
            "model": model,
            "score": each.score.name,
            "event": link.event,
            "given": link.given,
            "auroc": link.auroc.value,
            "low": link.auroc.low,
            "high": link.auroc.high,
            "verdict": link.verdict,
            "why": link.why,
            "events": link.events,
            "n": link.auroc.n,
            "cluster": link.auroc.cluster,
            "clusters": link.auroc.clusters,
        }
        for each in found
        for link in each.links
    ]
    return (
        tables.check("unknown_links", pd.DataFrame(rows)) if rows else tables.empty("unknown_links")
    )


def frame_rows(model: str, found: Sequence[ScoreResult], frames: pd.DataFrame) -> pd.DataFrame:
    """A row a frame and score that can be had."""
    parts = [
        frames[["item", "frame", "time_s"]].assign(
            model=model,
            score=each.score.name,
            value=each.values,
            outside=np.zeros(len(frames), bool) if each.outside is None else each.outside.above,
        )
        for each in found
        if each.values is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else tables.empty("unknown_frames")


# The frames that are farthest outside, one a stretch of time, and their pictures.

MOST = 12
WIDTH = 320
FOLDER = "unknown"


def farthest(leading: ScoreResult, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """At most twelve frames above the threshold, the farthest first."""
    if leading.values is None or leading.outside is None:
        return []
    chosen: list[dict[str, Any]] = []
    for at in np.argsort(-leading.values, kind="stable"):
        if not leading.outside.above[at] or len(chosen) == MOST:
            break
        row = rows.iloc[int(at)]
        if any(
            c["item"] == row["item"] and abs(c["time_s"] - row["time_s"]) < SHORTEST_S
            for c in chosen
        ):
            continue
        chosen.append(
            {
                "item": str(row["item"]),
                "frame": int(row["frame"]),
                "time_s": float(row["time_s"]),
                "label": str(row["label_name"]),
                "value": float(leading.values[at]),
                "picture": "",
            }
        )
    return chosen


def take_pictures(run: OpenRun, model: str, shown: list[dict[str, Any]]) -> None:
    """Save a picture of each, and note its file in ``picture``."""
    (run.path / FOLDER).mkdir(exist_ok=True)
    number = [str(record["name"]) for record in run.model_records].index(model)
    for item in dict.fromkeys(each["item"] for each in shown):
        with run.opened(item) as source:
            for place, each in enumerate(shown):
                if each["item"] == item:
                    each["picture"] = f"{FOLDER}/{number}_{place:02d}.jpg"
                    picture = to_array(source.at([each["frame"]]).pixels[0])
                    save_picture(picture, run.path / each["picture"], WIDTH)


# What happens at a frame: the label flips against a neighbour; the answer is wrong.


def events_of(run: OpenRun, model: str, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return by name (N,) float64: 1 where it happens, 0 where not, NaN where unknown."""
    found = {FLIP: _flips(run, model, rows)}
    labels = run.table("labels")
    if len(labels):
        names = next((tuple(each.class_names) for each in run.models if each.name == model), ())
        right = correct(rows["label"].to_numpy(np.int64), right_classes(rows, labels, names))
        if np.isfinite(right).any():
            found[ERROR] = 1.0 - right
    return found


def _flips(run: OpenRun, model: str, rows: pd.DataFrame) -> np.ndarray:
    pairs = run.table("pairs")
    pairs = usable_pairs(pairs, model)
    sides = [
        pairs[["item", side, "label_flip"]].set_axis(["item", "frame", "flip"], axis=1)
        for side in SIDES
    ]
    flips = pd.concat(sides).groupby(["item", "frame"])["flip"].max()
    keys = pd.MultiIndex.from_frame(rows[["item", "frame"]])
    return flips.reindex(keys).to_numpy(np.float64, na_value=np.nan)


SIDES = ("frame_a", "frame_b")


FILE = "unknown.json"
TABLES = ("unknown", "unknown_links", "unknown_frames")


def make(run: OpenRun) -> None:
    """Write the tables and the file; empty ones without known footage or a classifier."""
    chosen = run.settings.of(UnknownSettings)
    classifiers = (
        [model for model in run.models if model.task == "classification"] if chosen.known else []
    )
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    said: dict[str, Any] = {}
    if chosen.known and not classifiers:
        run.reporter.warn(
            "unknown: no classifier is among the models, and detectors are not compared"
        )
    if classifiers:
        frames = with_parts(run.table("frames"), run.folder)
        able = [model for model in classifiers if needs_pixels(model)]
        asked = _asked(run, able, frames) if able else None
        for model in classifiers:
            _model(run, model, frames[frames["model"] == model.name], asked, parts, said)
    for name, found in parts.items():
        whole = pd.concat(found, ignore_index=True) if found else tables.empty(name)
        run.folder.write_table(name, tables.check(name, whole))
    run.folder.write_json(FILE, {"known": list(chosen.known), "models": said})


def _model(
    run: OpenRun,
    model: Model,
    frames: pd.DataFrame,
    asked: tuple[dict[str, Probe], FrameReadouts, FrameReadouts] | None,
    parts: dict[str, list[pd.DataFrame]],
    said: dict[str, Any],
) -> None:
    if not len(frames):
        return
    if needs_pixels(model):
        assert asked is not None
        looks, known, footage = asked
        look = looks[model.name]
    else:
        look = Probe(frames=_cannot, lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
        known = _recorded(recorded(run, model.name), model.name)
        footage = _recorded(frames, model.name)
    rows = footage.rows.merge(
        frames[["item", "frame", "label", "label_name", "margin"]], on=["item", "frame"], how="left"
    )
    false_alarms = run.settings.of(UnknownSettings).false_alarms
    events = FrameEvents(rows["margin"].to_numpy(np.float64), events_of(run, model.name, rows))
    found = study(known, footage, model.name, look.lacks, events, false_alarms)
    parts["unknown"].append(score_rows(model.name, found, false_alarms))
    parts["unknown_links"].append(link_rows(model.name, found))
    parts["unknown_frames"].append(frame_rows(model.name, found, footage.rows))
    said[model.name] = _words(run, model.name, found, look, known, rows)


def _words(
    run: OpenRun,
    model: str,
    found: list[ScoreResult],
    look: Probe,
    known: FrameReadouts,
    rows: pd.DataFrame,
) -> dict[str, Any]:
    first = leading(found)
    small = known.small
    doubles = 0 if small is None else len(small) - int(copies(small).max(initial=-1)) - 1
    if doubles:
        run.reporter.say(
            f"unknown: {doubles} of {plural(len(known.rows), 'known picture')} are near-copies of another, and "
            "count with it as one"
        )
    text = sentence(first, run.settings.of(UnknownSettings).false_alarms)
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


def _asked(
    run: OpenRun, models: Sequence[Classifier], frames: pd.DataFrame
) -> tuple[dict[str, Probe], FrameReadouts, FrameReadouts]:
    looks = {model.name: probe_of(model) for model in models}
    most = run.settings.of(UnknownSettings).scored_frames
    of_known = clips_of(known_of(run), most, run.reporter)
    of_footage = _footage(run, frames, most)
    found = []
    for title, clips in (("known footage", of_known), ("unknown", of_footage)):
        total = sum(len(clip.frames) for clip in clips)
        with run.reporter.counting(title, total, "frames") as counter:
            found.append(ask(looks, clips, counter.advance))
    return looks, found[0], found[1]


def _footage(run: OpenRun, frames: pd.DataFrame, most: int) -> list[ClipRequest]:
    every = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"], kind="stable")
    chosen = every.iloc[spread(len(every), most)]
    return [
        ClipRequest(
            item=str(item),
            part=str(rows["part"].iloc[0]),
            frames=frozenset(rows["frame"].tolist()),
            opened=functools.partial(run.opened, str(item)),
        )
        for item, rows in chosen.groupby("item", sort=False)
    ]


def _recorded(frames: pd.DataFrame, model: str) -> FrameReadouts:
    looked = Readout(
        answer=frames["label"].to_numpy(np.int64), surest=frames["probability"].to_numpy(np.float64)
    )
    rows = frames[["item", "frame", "time_s", "part"]].reset_index(drop=True)
    return FrameReadouts(rows, {model: looked})


def _cannot(pixels: object) -> Readout:
    raise AssertionError("a model whose answers were recorded is not asked")
