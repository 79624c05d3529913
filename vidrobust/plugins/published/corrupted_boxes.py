"""Robustness of detectors to corruptions, as COCO-C and PASCAL-C measure it.

Pictures are corrupted at their own size. mPC is the mean average precision over all corruptions and
severities, rPC its share of the precision on clean pictures (Michaelis et al. 2019, arXiv 1907.07484,
equations 1 and 2). Average precision is COCO's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.accuracy.answers import SaidClasses
from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes, Precision
from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources, images_in
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.matching import in_pixels, on_items
from vidrobust.models.predict import predict
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.published.corruptions import ERROR_SUITES
from vidrobust.plugins.published.labelled_images import LabelledImages, pictures
from vidrobust.predictions import Detections, Detector
from vidrobust.text.phrases import plural

SUITE = "imagenet-c"
NOTE = "corrupted at full size in memory; AP is COCO's, over IoU .50 to .95 and, as ap50, at .50"


@dataclass(frozen=True)
class BoxedImages:
    """Pictures of a folder, and their known boxes: ``frame`` is the place in ``paths``, corners in px."""

    paths: tuple[Path, ...]
    known: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_boxed(folder: Path, labels: Path) -> BoxedImages:
    """Read pictures and boxes in any label format; InputError where they do not belong together.

    Every picture of the folder is judged: one without a box is empty. Uncertain boxes, such as crowds, are
    left out.
    """
    annotated = read_labels(labels)
    items = expand_sources([str(folder)]).items
    rows = on_items(annotated.rows, items).rows
    rows = rows[(rows["presence"] == "present") & rows["x1"].notna() & (rows["frame"] >= 0)]
    if rows.empty:
        some = ", ".join(annotated.rows["item"].unique()[:3]) or "nothing"
        raise InputError(f"{labels}: has no box in a picture of {folder}; it is about {some}")
    paths: list[Path] = []
    parts = []
    for item in items:
        files = images_in(item.path) if item.path.is_dir() else [item.path]
        mine = rows[rows["item"] == item.name]
        parts.append(mine.assign(frame=mine["frame"] + len(paths)))
        paths += files
    known = pd.concat(parts, ignore_index=True)
    empty = len(paths) - known["frame"].nunique()
    notes = (f"{plural(empty, 'picture')} without a box counted as empty",) if empty else ()
    if annotated.box_unit != "px":
        known = pd.concat(
            [_in_pixels(of, annotated.box_unit, paths[int(k)]) for k, of in known.groupby("frame")]
        )
    return BoxedImages(tuple(paths), known.reset_index(drop=True), notes)


def _in_pixels(rows: pd.DataFrame, unit: str, path: Path) -> pd.DataFrame:
    (_, picture), *_ = pictures(LabelledImages((path,), (frozenset(),)))
    return in_pixels(rows, unit, int(picture.shape[2]), int(picture.shape[1]))


def box_corruptions(
    images: BoxedImages,
    detectors: Sequence[Detector],
    *,
    only: Sequence[str] = (),
    seed: int = 0,
    step: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Measure AP on clean and corrupted pictures, mPC and rPC of detectors.

    Parameters
    ----------
    images
        Pictures with known boxes.
    only
        Names of corruptions; by default the fifteen that count.
    seed
        Of the random corruptions.
    step
        Called with the number of pictures that are done.

    Returns
    -------
    dict
        ``models`` by name with ``clean``, ``mpc`` and ``rpc`` (each with ``ap`` and ``ap50``) and
        ``corruptions``: by name a list of ``ap`` and of ``ap50``, one for each severity.
    """
    suite = ERROR_SUITES[SUITE]().of(only)
    listed = LabelledImages(images.paths, (frozenset(),) * len(images.paths))
    cells = [(c.name, strength) for c in suite.perturbations for strength in c.strengths]
    boxes: dict[str, dict[Any, list[pd.DataFrame]]] = {
        detector.name: {cell: [] for cell in (None, *cells)} for detector in detectors
    }
    read: list[int] = []
    for number, picture in pictures(listed):
        read.append(number)
        key = hashlib.sha256(picture.numpy().tobytes()).hexdigest()
        for detector in detectors:
            boxes[detector.name][None].append(_rows(predict(detector, picture[None]), number))
        for corruption in suite.perturbations:
            for strength in corruption.strengths:
                drawn = [seeded(key, 0, 0, corruption.key, seed)]
                changed = corruption.apply(picture[None], strength, drawn)
                for detector in detectors:
                    rows = _rows(predict(detector, changed), number)
                    boxes[detector.name][corruption.name, strength].append(rows)
        if step is not None:
            step(1)
    if not read:
        raise InputError(f"none of the pictures can be read; the first: {listed.problems[0]}")
    models = {}
    for detector in detectors:
        named = SaidClasses.of(images.known, detector.class_names)
        known = named.rows[named.rows["frame"].isin(read)]
        of = {
            cell: FramesOfBoxes(known, pd.concat(parts, ignore_index=True)).precision(read)
            for cell, parts in boxes[detector.name].items()
        }
        models[detector.name] = _summary(of, cells) | {
            "n": len(read),
            "boxes": len(known),
            "unknown": dict(named.counts),
        }
    return {
        "suite": f"{SUITE}, boxes",
        "images": len(read),
        "models": models,
        "notes": [NOTE, *images.notes],
        "problems": list(listed.problems),
    }


def _rows(boxes: Detections, number: int) -> pd.DataFrame:
    table = pd.DataFrame(boxes.boxes.astype(np.float64), columns=BOX)
    return table.assign(frame=number, label=boxes.labels, score=boxes.scores.astype(np.float64))


def _summary(of: dict[Any, Precision], cells: Sequence[tuple[str, float]]) -> dict[str, Any]:
    figures: dict[str, Any] = {"clean": {}, "mpc": {}, "rpc": {}, "corruptions": {}}
    for metric in ("ap", "ap50"):
        clean = float(getattr(of[None], metric))
        mean = float(np.mean([getattr(of[cell], metric) for cell in cells]))
        figures["clean"][metric], figures["mpc"][metric] = clean, mean
        figures["rpc"][metric] = mean / clean if clean > 0 else float("nan")
        for name, strength in cells:
            rows = figures["corruptions"].setdefault(name, {})
            rows.setdefault(metric, []).append(float(getattr(of[name, strength], metric)))
    return figures
