"""Stability of an Ultralytics detector on the frames of its validation set: a callback for ``on_val_start``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidrobust.api.stability import StabilityMeter
from vidrobust.errors import SettingsError
from vidrobust.footage.expand import natural_key
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.text.numbers import with_interval

BATCH = 16
SHOWN = ("uncovered_rate", "flip_rate")
PREFIX = "stability/"


def stability_callback(*, frame_rate: float = 25.0) -> Callable[[Any], None]:
    """Return a callback that adds figures of stability to those of the library, named ``stability/METRIC``.

    They stand in ``results_dict``, in the table of a training (results.csv) and in its loggers; the whole is
    left in ``validator.stability``.

    The validation set holds frames of clips, in the order of the numbers in their names, at ``frame_rate`` a
    second. A clip is called after an image's folder and name without the last number.

    Examples
    --------
    >>> model.add_callback("on_val_start", stability_callback(frame_rate=30))  # doctest: +SKIP
    >>> model.train(data="data.yaml", save_json=True)  # doctest: +SKIP
    """

    def measured(validator: Any) -> dict[str, float]:
        if not hasattr(validator, "class_map"):
            raise SettingsError("stability_callback: give a network that detects")
        stability = StabilityMeter(
            task="detection",
            frame_rate=frame_rate,
            class_names=list(validator.names.values()),
        )
        paths = sorted(
            map(Path, validator.dataloader.dataset.im_files),
            key=lambda path: natural_key(str(path)),
        )
        if len({path.name for path in paths}) < len(paths):
            raise SettingsError(
                "stability_callback: images of one name; its predictions name them without folder"
            )
        by_file: dict[str, list[dict[str, Any]]] = {}
        for row in validator.jdict:
            by_file.setdefault(row["file_name"], []).append(row)
        for name, files in groupby(sorted(paths, key=_clip_of), key=_clip_of):
            every = list(files)
            for start in range(0, len(every), BATCH):
                part = every[start : start + BATCH]
                answers = [_boxes(by_file.get(path.name, []), validator.class_map) for path in part]
                frames = np.stack([np.asarray(cv2.imread(str(path)))[..., ::-1] for path in part])
                stability.update(answers, frames, name)
        validator.stability = stability
        rows = stability.figures()
        rows = rows[rows["item"] == ""].set_index("metric")
        for name in (name for name in SHOWN if name in rows.index):
            row = rows.loc[name]
            print(
                f"{name}: {with_interval(row['value'], row['low'], row['high'])} (n = {row['n']})"
            )
        known = rows["value"].to_dict()  # the same keys in every epoch, for the library's table
        named = [m.name for m in metrics_of("detection") if m.headline and not m.of_labels]
        return {f"{PREFIX}{name}": float(known.get(name, np.nan)) for name in named}

    def on_val_start(validator: Any) -> None:
        if not validator.args.save_json:
            raise SettingsError("stability_callback: give save_json=True")
        theirs = validator.get_stats  # asked once, when all predictions are there

        def get_stats() -> dict[str, Any]:
            stats = theirs()
            figures = measured(validator)
            validator.metrics.__class__ = _with_figures(type(validator.metrics))
            validator.metrics.figures_of_stability = figures
            return {**stats, **figures}

        validator.get_stats = get_stats

    return on_val_start


def _clip_of(path: Path) -> str:
    return f"{path.parent.name}/{re.sub(r'[0-9]+$', '', path.stem)}"


def _with_figures(kind: type) -> type:
    """The library's metrics, whose ``results_dict`` is made anew whenever it is asked for."""
    if issubclass(kind, _Figures):
        return kind
    return type(kind.__name__, (_Figures, kind), {})


class _Figures:
    figures_of_stability: Mapping[str, float] = {}

    @property
    def results_dict(self) -> dict[str, float]:
        return {**super().results_dict, **self.figures_of_stability}  # type: ignore[misc]


def _boxes(rows: list[dict[str, Any]], class_map: list[int]) -> np.ndarray:
    """(M, 6) x1, y1, x2, y2, score, class of the rows of predictions.json."""
    boxes = [
        (x, y, x + w, y + h, row["score"], class_map.index(row["category_id"]))
        for row in rows
        for x, y, w, h in (row["bbox"],)
    ]
    return np.array(boxes, np.float64).reshape(-1, 6)
