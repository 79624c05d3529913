"""Claims of 2016 to 2022: int8 networks, batch statistics on a stream, boxes from frame to frame, and AP."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from claims.judge import Measure
from claims.pictures import Clip, Picture
from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes
from vidrobust.frames.pixels import to_array
from vidrobust.metrics.box_differences import BIRTH, match
from vidrobust.metrics.tracks.against_truth import Truth, area_under, curve_rows, pooled
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.models.detection.network import BoxAnswer, answers
from vidrobust.models.load import load_as_it_is, load_model
from vidrobust.models.predict import predict
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.finetune.network import TrainableClassifier, trainable
from vidrobust.plugins.line.parts import BOXES
from vidrobust.plugins.line.render import RenderSettings, stage
from vidrobust.plugins.published.corruptions import crop_224
from vidrobust.plugins.unknown.auroc import clustered_auroc
from vidrobust.statistics.associations import pearson
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.statistics.standard_errors import cluster_jackknife
from vidrobust.video.source import open_video

QUANTISED = ("mobilenet_v2_1.0_224", "mobilenet_v1_1.0_224", "squeezenet1_1_227")
CALIBRATED, JUDGED = 40, 150
"""Pictures by which the ranges of activations are set, and others that are judged."""
SHIFTS = ("brightness", "gaussian_noise", "gaussian_blur", "jpeg")
NET, BATCH, STREAM, NOISE = "efficientnet-lite0", 16, 500, "gaussian_noise"
FRAMES, SAME_BOX = 31, 0.5
REMEDIES = ("WebP, quality 80", "unsharp, 0.5")
DIALS = (
    *("", "light=0.3", "light=0.6", "drift=1.6", "flicker=0.2", "flicker=0.4"),
    *("exposure=0.2", "exposure=0.4"),
    *(
        "shadow=0.6",
        "lamp2=0.3",
        "lamp2=0.6",
        "hue=24",
        "hue=40",
        "shake=6",
        "shake=10",
        "focus=1.6",
    ),
    *("focus=3", "noise=16", "noise=32", "dust=0.9"),
)
"""Twenty conditions that change pictures and leave the parts where they are."""
PARTS, SECONDS, SEED = 6, 0.8, 812


def of_quantised(spec: str, shown: Sequence[Picture]) -> list[dict[str, Any]]:
    """Whether int8 and float answer alike, as shown and shifted, and the margin of float."""
    seen = min(CALIBRATED, len(shown) // 4)
    sample = torch.stack([crop_224(picture.pixels) for picture in shown[:seen]])
    full = load_model(spec, device="cpu", engine="onnxruntime")
    small = load_model(spec, device="cpu", engine="onnxruntime", precision="int8", sample=sample)
    assert full.task == small.task == "classification"
    rows = []
    for number, picture in enumerate(shown[seen:]):
        for shift in ("", *SHIFTS):
            pixels = picture.pixels[None]
            if shift:
                entry = find(shift)
                own = seeded(picture.source, number, 0, shift, 0)
                pixels = entry.apply(pixels, entry.strengths[len(entry.strengths) // 2], [own])
            said, again = predict(full, pixels), predict(small, pixels)
            second, first = np.sort(said.probabilities[0])[-2:]
            apart = bool(said.labels[0] != again.labels[0])
            rows.append(
                {
                    "source": picture.source,
                    "shift": shift,
                    "apart": apart,
                    "margin": float(first - second),
                }
            )
    return rows


def of_stream(shown: Sequence[Picture]) -> dict[str, list[bool]]:
    """Whether noise changes an answer, by what adapts and in which order pictures come; sorted by class."""
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


def of_detections(specs: Sequence[str], clip: Clip) -> dict[str, dict[str, list[bool]]]:
    """Of every detector's boxes whether the next frame has them again, as shown and changed beforehand."""
    from input_remedies import PUBLISHED

    begin = max(clip.first, (clip.first + clip.last - FRAMES) // 2)
    numbers = list(range(begin, min(begin + FRAMES, clip.last + 1)))
    with open_video(clip.path, device="cpu", prefetch=0) as source:
        frames = [to_array(p).copy() for p in source.at(numbers).pixels]
    arms = {"": frames, **{name: [PUBLISHED[name](frame) for frame in frames] for name in REMEDIES}}
    found: dict[str, dict[str, list[bool]]] = {}
    for spec in specs:
        detector = load_model(spec, device="cpu")
        assert detector.task == "detection"
        found[detector.name] = {
            name: [
                again
                for a, b in itertools.pairwise(answers(detector, of))
                for again in _again(a, b)
            ]
            for name, of in arms.items()
        }
    return found


def _again(before: BoxAnswer, after: BoxAnswer) -> list[bool]:
    (boxes, scores, labels), (later, later_scores, later_labels) = before.after, after.after
    sure, kept = np.flatnonzero(scores >= BIRTH), np.flatnonzero(later_scores >= BIRTH)
    i, j, _ = match(
        boxes.take(sure), later.take(kept), labels[sure], later_labels[kept], least=SAME_BOX
    )
    same = {int(a) for a, b in zip(i, j, strict=True) if labels[sure[a]] == later_labels[kept[b]]}
    return [k in same for k in range(len(sure))]


def of_line() -> list[dict[str, float]]:
    """Average precision and stability error (Zhang & Wang 2016) of the line's detector under each dial."""
    detector = load_model("line-detector", device="cpu")
    assert detector.task == "detection"
    found = []
    for dial in DIALS:
        curves, known, seen = [], [], []
        settings = RenderSettings(
            parts=PARTS, seconds=SECONDS, seed=SEED, dials=(dial,) if dial else ()
        )
        for clip, plan in enumerate(settings.plans()):
            staged = stage(plan)
            said = detector(torch.from_numpy(np.stack(list(staged.frames()))).permute(0, 3, 1, 2))
            rows = [
                (row["frame"], f"{part} {label}", BOXES.index(label), *box)
                for row in staged.truth()
                for box, label, part in zip(
                    row["boxes"], row["box_labels"], row["box_parts"], strict=True
                )
            ]
            true = pd.DataFrame(rows, columns=["frame", "object", "label", *BOX])
            truth = Truth(
                frame=true["frame"].to_numpy(np.int64),
                boxes=true[BOX].to_numpy(np.float64),
                labels=true["label"].to_numpy(np.int64),
                trajectory=pd.factorize(true["object"])[0].astype(np.int64),
            )
            count = plan.frames
            boxes = ItemBoxes(
                frame=said.frame,
                boxes=said.boxes.astype(np.float64),
                scores=said.scores.astype(np.float64),
                labels=said.labels,
                shift=np.zeros((len(said.frame), 2)),
                num_frames=count,
                joined=np.ones(count, bool),
                size=(1, 1),
            )
            curves.append(curve_rows(boxes, truth))
            known.append(true.assign(frame=true["frame"] + clip * count))
            table = pd.DataFrame(said.boxes.astype(np.float64), columns=BOX)
            seen.append(
                table.assign(frame=said.frame + clip * count, label=said.labels, score=said.scores)
            )
        judged = FramesOfBoxes(
            pd.concat(known, ignore_index=True), pd.concat(seen, ignore_index=True)
        )
        every = pd.concat(curves, ignore_index=True)
        found.append(
            {
                "ap": judged.precision(np.arange(count * len(curves))).ap,
                "error": area_under(pooled(every)),
            }
        )
    return found


def measures(
    quantised: Mapping[str, Sequence[Mapping[str, Any]]],
    stream: Mapping[str, Sequence[bool]] | None,
    boxes: Mapping[str, Mapping[str, Mapping[str, Sequence[bool]]]],
    line: Sequence[Mapping[str, float]] | None,
    of: str,
) -> dict[str, Measure]:
    """The figures of the four: over pictures, pictures, clips and dials."""
    return {**_quantised(quantised, of), **_stream(stream, of), **_boxes(boxes), **_line(line)}


def _quantised(found: Mapping[str, Sequence[Mapping[str, Any]]], of: str) -> dict[str, Measure]:
    if not found:
        return {}
    rows = pd.DataFrame([row for each in found.values() for row in each])
    rows["shifted"] = rows["shift"] != ""
    rate = rows.groupby(["source", "shifted"])["apart"].mean().unstack()
    on = f"{len(found)} networks, int8 by ONNX Runtime, {len(rate)} pictures of {of}"
    rates = f"{100 * rate[False].mean():.3g} % as shown, {100 * rate[True].mean():.3g} % shifted"
    more = clustered_mean(
        (rate[True] - rate[False]).to_numpy(), rate.index.to_numpy(str), bounds=(-1.0, 1.0)
    )
    source, apart = rows["source"].to_numpy(str), rows["apart"].to_numpy(bool)
    area = clustered_auroc(-rows["margin"].to_numpy(float), apart, source)
    return {
        "quantised shift": Measure.of(more, f"{on}: {rates}"),
        "quantised margin": Measure.of(
            area, f"{on}, {int(apart.sum())} of {len(apart)} answers apart"
        ),
    }


def _stream(found: Mapping[str, Sequence[bool]] | None, of: str) -> dict[str, Measure]:
    if found is None:
        return {}
    each = {name: np.array(values, float) for name, values in found.items()}
    rates = ", ".join(f"{name} {100 * values.mean():.3g} %" for name, values in each.items())
    gap = each["by class"] - each["shuffled"]
    # as they are answered
    together = np.array_split(np.arange(len(gap)), max(1, len(gap) // BATCH))
    batch = np.repeat(np.arange(len(together)), [len(part) for part in together])
    one = clustered_mean(gap, batch, bounds=(-1.0, 1.0))
    return {"stream order": Measure.of(one, f"{NET}, {len(gap)} pictures of {of}: {rates}")}


def _boxes(found: Mapping[str, Mapping[str, Mapping[str, Sequence[bool]]]]) -> dict[str, Measure]:
    rows = [
        {"clip": clip, **{name: np.mean(arm) for name, arm in arms.items()}}
        for clip, detectors in found.items()
        for arms in detectors.values()
        if all(len(arm) for arm in arms.values())
    ]
    if not rows:
        return {}
    table = pd.DataFrame(rows)
    clip = table["clip"].to_numpy(str)
    on = f"two detectors, {len(np.unique(clip))} clips"
    level = clustered_mean(table[""].to_numpy(), clip, bounds=(0.0, 1.0))
    gains = {
        f"boxes {name}": clustered_mean(
            (table[name] - table[""]).to_numpy(), clip, bounds=(-1.0, 1.0)
        )
        for name in REMEDIES
    }
    return {name: Measure.of(each, on) for name, each in {"boxes again": level, **gains}.items()}


def _line(found: Sequence[Mapping[str, float]] | None) -> dict[str, Measure]:
    if found is None:
        return {}
    ap, error = (np.array([row[name] for row in found], float)[:, None] for name in ("ap", "error"))
    tie = cluster_jackknife(lambda rows: pearson(ap[rows], error[rows]), np.arange(len(found)))
    value, low, high = (float(np.ravel(each)[0]) for each in (tie.value, tie.low, tie.high))
    on = (
        f"the line's detector, {len(found)} conditions of {PARTS} parts; AP {ap.min():.2f} to {ap.max():.2f}, "
        f"stability error {error.min():.2f} to {error.max():.2f}"
    )
    return {
        "line stability": Measure(
            value=value, low=low, high=high, n=len(found), clusters=len(found), on=on
        )
    }
