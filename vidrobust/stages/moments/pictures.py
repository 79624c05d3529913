"""The worst moments, pairs of frames where a model changed its answer most, as pictures for the report.

Their strip shows the measured changes switched on one after the other, and the answers. Where the picture gets
sharper it leads from t+1 to t.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.metrics.catalogue import of_plugins, task_of
from vidrobust.metrics.metric import usable_pairs
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.estimate import PICTURED_PAIRS
from vidrobust.pipeline.run import OpenRun
from vidrobust.report.pictures import WIDTH, save_picture
from vidrobust.stages.causes.catalogue import REPLAYED, TITLES
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.pairs import Pictures, side_by_side
from vidrobust.stages.causes.score import answers
from vidrobust.stages.moments import player
from vidrobust.stages.moments.section import task_pairs
from vidrobust.video.source import VideoSource

# Sigma, px, over which pictures are compared, since a picture sampled anew has less noise; side of a cell,
# px.
SMOOTHED, CELL = 1.5, 8
# Standard errors by which a change must bring the picture nearer to the last one: by chance one in a hundred.
CLEAR = 2.33


@dataclass(frozen=True)
class StripTile:
    """One picture of the strip."""

    title: str  # "frame 12", "a neighbour moved onto frame 12", "and motion of the camera"
    measured: str  # How large the change that is switched on here is, in words; empty for the rest
    # label, probability: The model's answer to exactly this picture
    label: str
    probability: float
    picture: np.ndarray  # (H, W, 3) uint8
    frame: int | None = None  # Number of the frame where it is a real one


def tiles(
    made: PairReplays, model: Model, moment: Mapping[str, Any], device: torch.device | str = "cpu"
) -> list[StripTile]:
    """Make the strip of one pair; empty where the pair could not be replayed.

    What the model said of both frames in the run is repeated from ``moment``; only synthetic pictures are asked
    about anew. Causes that do not occur, or are within noise (``clear``), have no tile.
    """
    if made.excluded or not made.forwards:
        return []
    first, last = ("b", "a") if made.reversed else ("a", "b")
    real = dict(zip("ab", made.pictures[:2], strict=True))
    chain = tuple(made.pictures[k] for k in made.forwards)
    seen = shown(model, chain, device)
    on = [0, *(k + 1 for k, (x, y) in enumerate(pairwise(chain)) if clear(x, y, real[last]))]
    base = f"a neighbour moved onto frame {moment[f'frame_{first}']}"
    titles = [base, *(f"and {TITLES[cause]}" for cause in REPLAYED)]
    measured = ["", *(made.sizes[cause].measured for cause in REPLAYED)]
    between = [StripTile(titles[k], measured[k], *seen[k]) for k in on]
    ends = dict(zip("ab", drawn(model, tuple(real.values()), device), strict=True))
    return [_real(moment, first, ends[first]), *between, _real(moment, last, ends[last])]


def shown(
    model: Model, pictures: tuple[np.ndarray, ...], device: torch.device | str
) -> list[tuple[str, float, np.ndarray]]:
    """Return what a model says of each picture, how sure it is, and the picture with it drawn on, if it can be."""
    task = task_of(model.task)
    if task.said is None:
        p = answers(model, pictures, device).probabilities
        best = [(model.class_names[int(row.argmax())], float(row.max())) for row in p]
        return [(*each, picture) for each, picture in zip(best, pictures, strict=True)]
    texts, sure = task.said(answers(model, pictures, device))
    return [
        (text, float(value), picture)
        for text, value, picture in zip(texts, sure, drawn(model, pictures, device), strict=True)
    ]


def drawn(
    model: Model, pictures: tuple[np.ndarray, ...], device: torch.device | str
) -> tuple[np.ndarray, ...]:
    """Return the pictures with a model's answers drawn on them, where its task can be drawn."""
    draw = task_of(model.task).drawn
    if draw is None:
        return pictures
    found = answers(model, pictures, device)
    return tuple(draw(picture, found.select([row])) for row, picture in enumerate(pictures))


def clear(before: np.ndarray, after: np.ndarray, last: np.ndarray) -> bool:
    """Say whether what was switched on brings a synthetic picture nearer to a real one than noise allows.

    What was fitted to noise brings a third frame no nearer. Squared differences are added up over cells; their sum
    over the root of the sum of their squares is about normal where nothing is there.
    """
    x, y, end = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), SMOOTHED) for p in (before, after, last))
    nearer = (np.square(x - end) - np.square(y - end)).sum(axis=2)
    height, width = (side // CELL * CELL for side in nearer.shape)
    cells = nearer[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL).sum(axis=(1, 3))
    return float(cells.sum()) > CLEAR * float(np.sqrt(np.square(cells).sum()))


def _real(moment: Mapping[str, Any], side: str, picture: np.ndarray) -> StripTile:
    frame = int(moment[f"frame_{side}"])
    label, probability = str(moment[f"label_{side}"]), float(moment[f"probability_{side}"])
    return StripTile(f"frame {frame}", "", label, probability, picture, frame)


PER_MODEL = 6
STRIP_WIDTH = 240


def moments(run: OpenRun) -> None:
    """Write ``moments.json``, its pictures in ``moments/`` if wanted, and the table ``player_frames``."""
    chosen = choose(run.table("pairs"), run.table("frames")) if run.folder.has("pairs") else []
    names = {"answer": "label_name", "sure": "probability"}
    frames = run.table("task_frames").rename(columns=names)
    for pairs in task_pairs(run.table("task_pairs"), of_plugins(run.folder.record.tasks)):
        chosen += choose(pairs, frames)
    if run.settings.pictures:
        (run.path / "moments").mkdir(exist_ok=True)
        for item in dict.fromkeys(moment["item"] for moment in chosen):
            with run.opened(item) as source:
                _take(run, source, item, [each for each in enumerate(chosen) if each[1]["item"] == item])
    run.folder.write_json("moments.json", {"moments": chosen, "player": player.keep(run)})


def choose(pairs: pd.DataFrame, frames: pd.DataFrame) -> list[dict[str, Any]]:
    """Choose per model the usable neighbours that changed most, flips first, at least a second apart."""
    usable = usable_pairs(pairs)
    lookup = frames.set_index(["model", "item", "frame"])
    found: list[dict[str, Any]] = []
    for model in usable["model"].drop_duplicates():
        ranked = usable[usable["model"] == model].sort_values(
            ["label_flip", "total_variation"], ascending=False, kind="stable"
        )
        taken: list[tuple[str, float]] = []
        for pair in ranked.itertuples():
            a = lookup.loc[(model, pair.item, pair.frame_a)]
            b = lookup.loc[(model, pair.item, pair.frame_b)]
            if any(item == pair.item and abs(time - a.time_s) < 1.0 for item, time in taken):
                continue
            taken.append((pair.item, float(a.time_s)))
            found.append({**_moment(model, pair, a, b), "rank": len(taken) - 1})
            if len(taken) == PER_MODEL:
                break
    return found


def _take(run: OpenRun, source: VideoSource, item: str, chosen: list[tuple[int, dict[str, Any]]]) -> None:
    transitions = run.table("transitions")
    own = transitions[transitions["item"] == item]
    models = {m.name: m for m in run.models if needs_pixels(m)}
    moments = [moment for _, moment in chosen]
    chained = [moment["rank"] < PICTURED_PAIRS and moment["model"] in models for moment in moments]
    frames = [(moment["frame_a"], moment["frame_b"]) for moment in moments]
    each = side_by_side(source, own, frames, _pictured, chained)
    for number, moment in chosen:
        pair, replayed = next(each)
        if moment["model"] in models:
            pair = drawn(models[moment["model"]], pair, source.info.device)
        for side, picture in zip("ab", pair, strict=True):
            moment[f"picture_{side}"] = _save(run.path, f"{number:02d}_{side}", picture, WIDTH)
        if replayed is None:
            continue
        moment["strip"] = [
            {
                "title": tile.title,
                "measured": tile.measured,
                "label": tile.label,
                "probability": tile.probability,
                "frame": tile.frame,
                "picture": _save(run.path, f"{number:02d}_strip_{k}", tile.picture, STRIP_WIDTH),
            }
            for k, tile in enumerate(tiles(replayed, models[moment["model"]], moment, source.info.device))
        ]


def _pictured(pictures: Pictures, chained: bool) -> tuple[tuple[np.ndarray, ...], PairReplays | None]:
    return pictures[1:3], study_pair(*pictures) if chained else None


def _save(folder: Path, stem: str, rgb: np.ndarray, width: int) -> str:
    name = f"moments/{stem}.jpg"
    save_picture(rgb, folder / name, width)
    return name


def _moment(model: str, pair: Any, a: Any, b: Any) -> dict[str, Any]:
    return {
        "model": model,
        "item": pair.item,
        "frame_a": int(pair.frame_a),
        "frame_b": int(pair.frame_b),
        "time_a_s": float(a.time_s),
        "time_b_s": float(b.time_s),
        "label_a": a.label_name,
        "label_b": b.label_name,
        "probability_a": float(a.probability),
        "probability_b": float(b.probability),
        "flip": bool(pair.label_flip),
        "total_variation": float(pair.total_variation),
        "pixel_change": float(pair.pixel_change),
    }
