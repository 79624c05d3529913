"""An object of one clip pasted into frames of others: what detectors make of it (Rosenfeld et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claims.judge import Measure
from claims.pictures import Picture, frames_of, loaded
from vidrobust.frames.pixels import to_array
from vidrobust.models.load import load_model
from vidrobust.plugins.published.transplant.cutout import Cutout
from vidrobust.plugins.published.transplant.study import Background, TransplantSettings, transplant
from vidrobust.plugins.published.transplant.summary import summary

OBJECT = ("objects/cotracker_teddy.mp4", "teddy bear", 135)
"""Clip, class of COCO, and the height in px at which it is pasted."""
BACKGROUNDS = (
    *("objects/sam2_01_dog.mp4", "objects/sam2_02_cups.mp4", "objects/intel_car-detection.mp4"),
    *(
        "objects/cotracker_backpack.mp4",
        "objects/cotracker_cat.mp4",
        "factory/intel_bottle-detection.mp4",
    ),
    *(
        "factory/intel_preview_fruit-and-vegetable-detection.gif",
        "factory/intel_preview_worker-zone-detection.gif",
    ),
)
GRID = (6, 4)


def backgrounds(corpus: Path) -> list[Picture]:
    """A frame of each of some clips."""
    return [p for name in BACKGROUNDS for p in frames_of(corpus / name, 1)]


def of_detector(
    spec: str, cutter: str, corpus: Path, into: Sequence[Path | Picture]
) -> dict[str, Any]:
    """The summary of a transplant over the grid of every background.

    cutter  the detector whose box of the object is cut out: the same object for every detector
    """
    detector = load_model(spec, device="cpu")
    assert detector.task == "detection"
    shown = [
        Background(name=p.source, frame=p.frame, pixels=to_array(p.pixels).copy())
        for p in loaded(into)
    ]
    found = transplant(
        detector, cutout(cutter, corpus), shown, TransplantSettings(columns=GRID[0], rows=GRID[1])
    )
    names = detector.class_names
    return summary(found, names, names.index(OBJECT[1]))


def cutout(cutter: str, corpus: Path) -> Cutout:
    """The object in its surest box, with its height made OBJECT's."""
    from vidrobust.frames.pixels import resize

    detector = load_model(cutter, device="cpu")
    assert detector.task == "detection"
    name, wanted, height = OBJECT
    (picture,) = frames_of(corpus / name, 1)
    seen = detector(picture.pixels[None])
    of = np.flatnonzero(seen.labels == detector.class_names.index(wanted))
    if not len(of):
        raise ValueError(f"{detector.name}: finds no {wanted} in {name}")
    x1, y1, x2, y2 = (round(float(v)) for v in seen.boxes[of[np.argmax(seen.scores[of])]])
    part = picture.pixels[:, max(y1, 0) : y2, max(x1, 0) : x2]
    part = resize(part, (height, max(4, round(part.shape[2] * height / part.shape[1]))))
    pixels = to_array(part).copy()
    return Cutout(pixels, np.ones(pixels.shape[:2], np.float32), Path(name).stem)


def measures(found: Mapping[str, Mapping[str, Any]], of: str) -> dict[str, Measure]:
    """Of each detector the rates of its summary, and the changes of other boxes beside the neutral patch."""
    result = {}
    for name, said in found.items():
        count = len(said["backgrounds"])
        on = f"{name}, a {OBJECT[1]} at {GRID[0]} x {GRID[1]} positions of {count} {of}"
        thing = said["object"]
        for key, rate in (
            ("recall", "recall"),
            ("class", "class_rate"),
            ("flip", "position_flip_rate"),
        ):
            result[f"paste {key} {name}"] = _of(thing[rate], on)
        others = said["others"]
        if others["object"]["n"]:
            result[f"paste lost {name}"] = _of(others["object"]["lost"], on)
            result[f"paste score {name}"] = _of(others["object"]["score_change"], on)
    return result


def _of(rate: Mapping[str, float], on: str) -> Measure:
    value, low, high = (
        np.nan if rate[k] is None else float(rate[k]) for k in ("value", "low", "high")
    )
    return Measure(
        value=value, low=low, high=high, n=int(rate["n"]), clusters=int(rate["backgrounds"]), on=on
    )


def specs(models: Path) -> Sequence[str]:
    """The detectors of the folder."""
    return [f"onnx:{models / name}" for name in ("yolox_nano.onnx", "FastestDet.onnx")]
