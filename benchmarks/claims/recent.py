"""Claims of 2022: quantised networks, batch statistics on a stream, and detections from frame to frame."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from claims.judge import Measure
from claims.pictures import Clip, Picture
from vidrobust.frames.pixels import to_array
from vidrobust.metrics.box_differences import BIRTH, match
from vidrobust.models.detection.network import BoxAnswer, answers
from vidrobust.models.load import load_as_it_is, load_model
from vidrobust.models.network import NetworkClassifier
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.finetune.network import TrainableClassifier, trainable
from vidrobust.plugins.unknown.auroc import clustered_auroc
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.video.source import open_video

QUANTISED = ("mobilenet_v2_1.0_224", "mobilenet_v1_1.0_224", "squeezenet1_1_227")
CALIBRATED = 40
"""Pictures by which the ranges of activations are set; none of them is judged."""
SHIFTS = ("brightness", "gaussian_noise", "gaussian_blur", "jpeg")
NET, BATCH, NOISE = "efficientnet-lite0", 64, "gaussian_noise"
FRAMES, SAME_BOX = 60, 0.5
REMEDIES = ("WebP, quality 80", "unsharp, 0.5")


def of_quantised(model: Path, shown: Sequence[Picture]) -> list[dict[str, Any]]:
    """Whether int8 (static, a scale per channel) and float agree, as shown and shifted, and the float margin."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    network = load_model(f"onnx:{model}", device="cpu")
    assert isinstance(network, NetworkClassifier)
    preprocess = network.network.preprocess

    def read(pixels: torch.Tensor) -> np.ndarray:
        return np.asarray(preprocess.normalise(preprocess.cut(pixels[None])).numpy())

    class Calibration(CalibrationDataReader):
        def __init__(self, name: str) -> None:
            self.rows: Iterator[Any] = iter([{name: read(p.pixels)} for p in shown[:CALIBRATED]])

        def get_next(self) -> Any:
            return next(self.rows, None)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as made:
        ready, small = (Path(made) / name for name in ("ready.onnx", "int8.onnx"))
        quant_pre_process(str(model), str(ready))
        full = onnxruntime.InferenceSession(str(model), options)
        name = full.get_inputs()[0].name
        quantize_static(str(ready), str(small), Calibration(name), per_channel=True)
        int8 = onnxruntime.InferenceSession(str(small), options)
    rows = []
    for number, picture in enumerate(shown[CALIBRATED:]):
        for shift in ("", *SHIFTS):
            pixels = picture.pixels
            if shift:
                entry = find(shift)
                own = seeded(picture.source, number, 0, shift, 0)
                pixels = entry.apply(pixels[None], entry.strengths[len(entry.strengths) // 2], [own])[0]
            said, again = (each.run(None, {name: read(pixels)})[0].reshape(-1) for each in (full, int8))
            best = np.sort(_softmax(said))[::-1]
            rows.append(
                {
                    "source": picture.source,
                    "shift": shift,
                    "apart": bool(said.argmax() != again.argmax()),
                    "margin": float(best[0] - best[1]),
                }
            )
    return rows


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(e / e.sum())


def of_stream(shown: Sequence[Picture]) -> dict[str, list[bool]]:
    """Whether noise changes an answer, by what adapts and in which order pictures come; in order of class."""
    from stream_adaptation import answered

    network = trainable(load_as_it_is(NET, device="cpu"), NET)
    assert isinstance(network, TrainableClassifier)
    ordered = sorted(shown, key=lambda picture: picture.source)
    entry = find(NOISE)
    clean, noisy = [], []
    for number, picture in enumerate(ordered):
        own = seeded(picture.source, number, 0, NOISE, 0)
        clean.append(network.cut(picture.pixels[None]))
        noisy.append(network.cut(entry.apply(picture.pixels[None], entry.strengths[-1], [own])))
    rest, changed = torch.cat(clean), torch.cat(noisy)
    order = np.arange(len(rest))
    mixed = np.random.default_rng(0).permutation(order)
    own_answers = answered(network, rest, order, "", BATCH)
    found = {
        "as it is": answered(network, changed, order, "", BATCH),
        "by class": answered(network, changed, order, "statistics", BATCH),
        "shuffled": answered(network, changed, mixed, "statistics", BATCH),
    }
    return {name: (labels != own_answers).tolist() for name, labels in found.items()}


def of_detections(spec: str, clip: Clip) -> dict[str, list[bool]]:
    """Of every box in a clip's frames whether the next frame has it again, as shown and changed beforehand."""
    from input_remedies import PUBLISHED

    detector = load_model(spec, device="cpu")
    assert detector.task == "detection"
    begin = max(clip.first, (clip.first + clip.last - FRAMES) // 2)
    numbers = list(range(begin, min(begin + FRAMES, clip.last + 1)))
    with open_video(clip.path, device="cpu", prefetch=0) as source:
        frames = [to_array(p).copy() for p in source.at(numbers).pixels]
    found = {}
    for name in ("", *REMEDIES):
        seen = answers(detector, [PUBLISHED[name](f) for f in frames] if name else frames)
        found[name] = [again for a, b in itertools.pairwise(seen) for again in _again(a, b)]
    return found


def _again(before: BoxAnswer, after: BoxAnswer) -> list[bool]:
    (boxes, scores, labels), (later, later_scores, later_labels) = before.after, after.after
    sure, kept = np.flatnonzero(scores >= BIRTH), np.flatnonzero(later_scores >= BIRTH)
    i, j, _ = match(boxes.take(sure), later.take(kept), labels[sure], later_labels[kept], least=SAME_BOX)
    same = {int(a) for a, b in zip(i, j, strict=True) if labels[sure[a]] == later_labels[kept[b]]}
    return [k in same for k in range(len(sure))]


def measures(
    quantised: Mapping[str, Sequence[Mapping[str, Any]]],
    stream: Mapping[str, Sequence[bool]] | None,
    boxes: Mapping[str, Mapping[str, Sequence[bool]]],
    of: str,
) -> dict[str, Measure]:
    """The figures of the three; of detections by clip."""
    found = {}
    if quantised:
        rows = [row for each in quantised.values() for row in each]
        source = np.array([row["source"] for row in rows])
        apart = np.array([row["apart"] for row in rows])
        shifted = np.array([bool(row["shift"]) for row in rows])
        names = np.unique(source)
        more = np.array(
            [apart[shifted & (source == s)].mean() - apart[~shifted & (source == s)].mean() for s in names]
        )
        rates = f"{100 * apart[~shifted].mean():.3g} % as shown, {100 * apart[shifted].mean():.3g} % shifted"
        on = f"{len(quantised)} networks, {len(names)} pictures of {of}"
        found["quantised shift"] = Measure.of(
            clustered_mean(more, names, bounds=(-1.0, 1.0)), f"{on}: {rates}"
        )
        margin = np.array([row["margin"] for row in rows])
        found["quantised margin"] = Measure.of(clustered_auroc(-margin, apart, source), on)
    if stream is not None:
        each = {name: np.array(values, float) for name, values in stream.items()}
        rates = ", ".join(f"{name} {100 * values.mean():.3g} %" for name, values in each.items())
        gap = each["by class"] - each["shuffled"]
        one = clustered_mean(gap, np.arange(len(gap)), bounds=(-1.0, 1.0))
        found["stream order"] = Measure.of(one, f"{NET}, {len(gap)} pictures of {of}: {rates}")
    clips = [clip for clip, arms in boxes.items() if len(arms[""]) and all(len(v) for v in arms.values())]
    if clips:
        where = np.array(clips)
        rate = {name: np.array([np.mean(boxes[c][name]) for c in clips]) for name in ("", *REMEDIES)}
        count = len({clip.split(" | ")[1] for clip in clips})
        on = f"two detectors, {count} clips"
        found["boxes again"] = Measure.of(clustered_mean(rate[""], _clip(where), bounds=(0.0, 1.0)), on)
        for name in REMEDIES:
            gain = clustered_mean(rate[name] - rate[""], _clip(where), bounds=(-1.0, 1.0))
            found[f"boxes {name}"] = Measure.of(gain, on)
    return found


def _clip(names: np.ndarray) -> np.ndarray:
    return np.array([name.split(" | ")[1] for name in names])
