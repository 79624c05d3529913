"""A loaded network becomes a Classifier once a first batch has been checked."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError, VidrobustError
from vidrobust.frames.pixels import check_pixels
from vidrobust.models.info import ModelInfo
from vidrobust.models.onnx_runtime import OnnxFile
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.reading import Declared, as_rows, in_fixed_batches, settle
from vidrobust.predictions import Classifications, Classifier

FIRST_BATCHES = 2  # Batches of footage in which an engine is compared with the network as loaded
GUARDED = 4  # Frames of such a batch that are computed twice
# Largest difference of scores, as a share of the largest score, that is rounding: float32 sums of some
# thousand products, in another order
TOLERANCE = 1e-4
# Largest total variation between two passes over one frame that is still rounding, not a training mode
_SAME = 0.01


@dataclass(frozen=True, kw_only=True)
class Network:
    """What a loader returns: how to run a network, and what is known about it."""

    name: str
    # (N, 3, H, W) float32 on ``device``, channels_last -> anything that ``as_rows`` takes
    run: Callable[[torch.Tensor], object]
    preprocess: Preprocess
    device: torch.device
    engine: str
    weights: str
    weights_sha256: str
    code_sha256: str = ""
    runs_on: str = ""  # Where it is computed, if not on ``device``
    precision: str = "float32"
    fixed_batch: int | None = None  # The only batch size it takes, or None
    # What the user or the library says about its outputs; the rest is found out
    declared: Declared = field(default_factory=Declared)
    # Or None: ImageNet's, or "class 0" ..., by the number of outputs
    class_names: tuple[str, ...] | None = None
    # module, onnx: What another engine can be made from, if anything
    module: torch.nn.Module | None = None
    onnx: OnnxFile | None = None
    threads: int = 0  # Of the engine, where it was chosen
    # The network before another engine or number format took it over
    as_loaded: Network | None = None
    notes: tuple[str, ...] = ()


@dataclass
class GuardedRun:
    """An engine's run, compared with the reference on the first batches and given up if they differ."""

    # (N, 3, H, W) float32 -> scores
    run: Callable[[torch.Tensor], object]
    reference: Callable[[torch.Tensor], object]
    whole: bool = False  # Whether whole batches are compared, for networks of a fixed batch size
    left: int = 0  # Batches that are still to be compared
    rejected: str = ""  # Why the reference has taken its place, or ""

    def __call__(self, inputs: torch.Tensor) -> object:
        if self.rejected:
            return self.reference(inputs)
        scores = self.run(inputs)
        if self.left > 0:
            self.left -= 1
            part = inputs if self.whole else inputs[:GUARDED]
            rows = as_rows(scores, "engine")[: len(part)]
            self.rejected = disagreement(as_rows(self.reference(part), "reference"), rows)
        return self.reference(inputs) if self.rejected else scores


def disagreement(reference: np.ndarray, rows: np.ndarray) -> str:
    """Return how scores (N, K) differ, or "" if they agree but for rounding and ties."""
    if rows.shape != reference.shape:
        return f"answers of shape {rows.shape}, expected {reference.shape}"
    scale = float(np.abs(reference).max(initial=0.0))
    finite = bool(np.isfinite(rows).all())
    apart = float(np.abs(rows - reference).max(initial=0.0)) / (scale or 1.0) if finite else np.inf
    if apart > TOLERANCE:
        return f"scores differ by {apart:.2g} of the largest, more than {TOLERANCE:g}"
    first, second = reference.argmax(axis=1), rows.argmax(axis=1)
    frames = np.arange(len(reference))
    lead = reference[frames, first] - reference[frames, second]
    flips = int((lead > 2 * TOLERANCE * scale).sum())
    return f"{flips} of {len(rows)} labels differ" if flips else ""


@dataclass(eq=False, kw_only=True)
class NetworkClassifier:
    """A Classifier over a Network: cut where the pixels are, normalise where the network is."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    network: Network
    reading: Callable[[np.ndarray, str], Classifications]
    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        if len(pixels) == 0:
            none = np.empty((0, len(self.class_names)), np.float32)
            return Classifications(none, self.class_names)
        answer = self.reading(scores(self.network, pixels), f"model {self.name}")
        run = self.network.run
        if isinstance(run, GuardedRun) and run.rejected and self.network.as_loaded is not None:
            note = f"not {self.info.engine}: {run.rejected}, on footage"
            self.network = self.network.as_loaded
            self.info = dataclasses.replace(
                self.info, engine=self.network.engine, threads=0, notes=(*self.info.notes, note)
            )
        return answer

    def as_loaded(self) -> NetworkClassifier | None:
        """Return the classifier in the engine and precision it was loaded in, or None if it is in them."""
        before = self.network.as_loaded
        return None if before is None else dataclasses.replace(self, network=before)


def scores(network: Network, pixels: torch.Tensor) -> np.ndarray:
    """Return the network's outputs (N, K) float32 for pixels (N, 3, H, W) uint8 RGB."""
    check_pixels(pixels, f"model {network.name}")
    where = f"model {network.name}"
    with torch.inference_mode():
        cut = network.preprocess.cut(pixels).to(network.device)
        inputs = network.preprocess.normalise(cut)
        rows = in_fixed_batches(
            lambda part: as_rows(network.run(part), where), inputs, network.fixed_batch
        )
    if len(rows) != len(pixels):
        raise SettingsError(f"{where}: {len(pixels)} frames went in, {len(rows)} rows came out")
    return rows


def as_classifier(network: Network, spec: str) -> NetworkClassifier:
    where = f"model {network.name}"
    with first_batch(network.name):
        rows = scores(network, check_frames())
    reading, notes = settle(rows, network.declared, network.class_names, where)
    info = ModelInfo(
        spec=spec,
        engine=network.engine,
        device=network.runs_on or str(network.device),
        precision=network.precision,
        preprocessing=network.preprocess.describe(),
        weights=network.weights,
        weights_sha256=network.weights_sha256,
        code_sha256=network.code_sha256,
        reading=reading.describe(),
        num_classes=len(reading.class_names),
        threads=network.threads,
        notes=(*network.notes, *notes),
    )
    classifier = NetworkClassifier(
        name=network.name,
        class_names=reading.class_names,
        info=info,
        network=network,
        reading=reading,
    )
    check_steady(classifier)
    if isinstance(network.run, GuardedRun):
        network.run.left = FIRST_BATCHES
    return classifier


def check_frames() -> torch.Tensor:
    """Return (3, 3, 96, 128) uint8: three blurred noise pictures, the same on every call."""
    coarse = torch.rand(3, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(
        coarse, size=(96, 128), mode="bilinear", align_corners=False
    )
    return (smooth * 255).to(torch.uint8)


def check_steady(classifier: Classifier) -> None:
    """Refuse a classifier in training mode: a frame repeated, and alone, must give the same row."""
    frames = check_frames()
    together = _row_by_row(classifier, frames)
    alone = _row_by_row(classifier, frames[:1])
    again = _row_by_row(classifier, frames[:1])
    for what, first, second in (
        ("on a second pass over the same frame", alone, again),
        ("when a frame comes alone instead of in a batch of three", together[:1], alone),
    ):
        change = 0.5 * float(np.abs(first - second).sum(axis=1).max())
        if change > _SAME:
            raise InputError(
                f"model {classifier.name}: probabilities change by {change:.3f} (total variation) {what}: "
                "dropout or batch normalisation is in training mode; call .eval(), or export in eval mode"
            )


@contextlib.contextmanager
def first_batch(name: str) -> Iterator[None]:
    """Raise any error of a network on its first frames as an InputError with its name."""
    try:
        yield
    except VidrobustError:
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise InputError(
            f"model {name}: failed on a first batch of frames: {kind}{error}"
        ) from error


def _row_by_row(classifier: Classifier, frames: torch.Tensor) -> np.ndarray:
    with first_batch(classifier.name):
        result = classifier(frames)
    if not isinstance(result, Classifications) or len(result) != len(frames):
        rows = isinstance(result, Classifications)
        got = f"{len(result)} rows" if rows else type(result).__name__
        raise SettingsError(
            f"model {classifier.name}: {len(frames)} frames went in, expected Classifications with as many rows, "
            f"got {got}"
        )
    return result.probabilities.astype(np.float64)
