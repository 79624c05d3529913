"""MAITE: its models in ``study``, a clip as a dataset, stability as a metric.

The package itself is not needed; its protocols are structural.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.classes import numbered
from vidrobust.models.foreign import array_of, detections_of
from vidrobust.models.info import ModelInfo
from vidrobust.models.network import check_frames
from vidrobust.models.reading import are_probabilities, as_rows
from vidrobust.models.spec import Form, ModelKind, ModelSpec
from vidrobust.predictions import Classifications, Classifier, Detections, Detector
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video

Task = Literal["classification", "detection"]


class MaiteModel:
    """A model of MAITE, called with a list of (3, H, W) uint8 RGB arrays."""

    def __init__(self, given: Any) -> None:
        self.given, self.name = given, str(given.metadata["id"])
        answers = given([np.asarray(frame) for frame in check_frames()])
        boxed = hasattr(answers[0], "boxes")
        self.task: Task = "detection" if boxed else "classification"
        names = dict(given.metadata.get("index2label", {}))
        rows = None if boxed else as_rows(np.stack([array_of(each) for each in answers]), self.name)
        self.probabilities = rows is not None and are_probabilities(rows)
        count = max(names, default=-1) + 1 or (91 if rows is None else rows.shape[1])
        self.class_names = tuple(names.get(k, name) for k, name in enumerate(numbered(count)))
        self.info = ModelInfo(
            spec=f"python:{self.name}", engine="a model of MAITE", device="unknown", precision="unknown",
            preprocessing="inside the model", num_classes=count,
        )  # fmt: skip

    def __call__(self, pixels: torch.Tensor) -> Classifications | Detections:
        answers = self.given([np.asarray(frame) for frame in pixels.cpu()]) if len(pixels) else []
        if self.task == "detection":
            return detections_of([_plain(each) for each in answers], self.class_names)
        rows = np.array([array_of(each, np.float64) for each in answers]).reshape(
            -1, len(self.class_names)
        )
        if self.probabilities:
            return Classifications(rows, self.class_names)
        return Classifications.from_logits(rows, self.class_names)


class ClipDataset:
    """The frames of a clip as a dataset of MAITE; their targets are empty, their metadata number and time."""

    def __init__(self, path: str, *, every: int = 1) -> None:
        self.metadata = {"id": str(path), "index2label": {}}
        with open_video(path, selection=Selection(every=every)) as source:
            self._frames = [
                (frame.numpy(), int(index), float(time))
                for batch in source.batches(32)
                for frame, index, time in zip(
                    batch.pixels.cpu(), batch.index, batch.time_s, strict=True
                )
            ]

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        frame, index, time = self._frames[number]
        return frame, np.zeros(0), {"id": index, "time_s": time, "clip": self.metadata["id"]}


class StabilityMetric:
    """``Stability`` as a metric of MAITE: frames come in order, their clips as ``clip`` of the metadata."""

    def __init__(self, **how: Any) -> None:
        # not where a study only asks for its models
        from vidrobust.api.stability import StabilityMeter

        self.metadata = {"id": "vidrobust-stability"}
        self.stability = StabilityMeter(**how)

    def reset(self) -> None:
        self.stability.reset()

    def update(
        self,
        pred_batch: Sequence[Any],
        target_batch: Sequence[Any],
        metadata_batch: Sequence[Mapping[str, Any]],
    ) -> None:
        """Take predictions of the next frames; targets are ignored."""
        for answer, about in zip(pred_batch, metadata_batch, strict=True):
            plain = (
                [_plain(answer)] if self.stability.task == "detection" else array_of(answer)[None]
            )
            self.stability.update(plain, clip=str(about.get("clip", "clip")))

    def compute(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.stability.compute().items()}


def _plain(target: Any) -> dict[str, Any]:
    scores = array_of(target.scores, np.float64)
    best = scores if scores.ndim < 2 else scores.max(axis=1)
    return {"boxes": target.boxes, "scores": best, "labels": target.labels}


def adopt(given: object, device: torch.device) -> Classifier | Detector | None:
    """Return a model made from one of MAITE; None for anything else."""
    metadata = getattr(given, "metadata", None)
    if not callable(given) or not isinstance(metadata, Mapping) or "id" not in metadata:
        return None
    return MaiteModel(given)  # type: ignore[return-value]


def load(spec: ModelSpec, device: torch.device) -> Classifier | Detector:
    """Load what ``package.module:factory`` makes, a model of MAITE."""
    module, _, name = spec.target.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        given = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{spec.text}: expected maite:package.module:factory ({error})"
        ) from error
    found = adopt(
        given() if isinstance(given, type) or not hasattr(given, "metadata") else given, device
    )
    if found is None:
        raise SettingsError(f"{spec.text}: makes no model of MAITE: it has no metadata with an id")
    return found


KIND = ModelKind(
    scheme="maite",
    load=load,
    adopts=adopt,
    forms=(
        Form(
            spec="maite:package.module:factory",
            what="a model of MAITE",
            example="maite:mycode.models:parts",
        ),
    ),
)
