"""The protocol of Gu et al. 2019 on a run folder with labels and several models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.accuracy.answers import WITHIN, AnchorSets, anchor_sets, by_name, on_frames
from vidrobust.errors import InputError
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.class_differences import distances, top1_flip
from vidrobust.metrics.classification import label_flip
from vidrobust.models.predict import Batch, predict
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import seeded
from vidrobust.plugins.published.perturbations.sequences import (
    SEQUENCES,
    PictureSequence,
    compared_pairs,
)
from vidrobust.predictions import Classifier
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.correlate.from_summaries import MetricRoles, units_of_summaries
from vidrobust.stages.correlate.study import CorrelationResult, correlate
from vidrobust.stages.sensitivity.unit import Step

# Natural against synthetic robustness over models: the protocol of Gu et al. 2019 (arXiv 1904.10076).
#
# Robustness is conditional: of the anchors that a model gets right, the share it still gets right on the
# neighbouring frames of the video (natural) or under a distortion of the anchor (synthetic). The matrix correlates
# clean accuracy, natural and synthetic robustness over models. The paper's sizes of window, crop and
# distortions are
# not published as code: all of them are the caller's here. Verdicts, negative controls and intervals are those of
# the correlation study.

ACCURACY, NATURAL, SYNTHETIC = "clean_accuracy", "conditional_robustness", "robustness"


@dataclass(frozen=True, kw_only=True)
class ModelAnchors:
    """One model on the anchors that all models share."""

    sets: AnchorSets
    distorted: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        for name, right in self.distorted.items():
            if right.ndim != 2 or len(right) != len(self.sets.anchor):
                raise ValueError(
                    f"ModelAnchors.distorted[{name!r}]: expected ({len(self.sets.anchor)}, R), got {right.shape}"
                )


def robustness(model: ModelAnchors) -> dict[str, float]:
    """Return clean accuracy, natural robustness (every pair counts once) and robustness under each
    distortion.
    """
    sets = model.sets
    right = sets.correct
    held = sets.neighbour[right[sets.of]]
    shares = {ACCURACY: _mean(right), NATURAL: _mean(held)}
    return shares | {name: _mean(of[right]) for name, of in model.distorted.items()}


def gu2019(
    models: Mapping[str, ModelAnchors],
    *,
    families: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> CorrelationResult:
    """Correlate natural and synthetic robustness over models."""
    first = next(iter(models.values())).sets.anchor if models else np.empty(0)
    for name, model in models.items():
        if list(model.sets.anchor) != list(first):
            raise InputError(
                f"gu2019: {name} was not judged on the same anchors as the other models"
            )
    stability, sensitivity = protocol_tables(models)
    units = units_of_summaries(
        stability,
        sensitivity,
        roles=MetricRoles(
            confounders=(ACCURACY,),
            groups=groups or {},
            primary_stability=NATURAL,
            primary_sensitivity=SYNTHETIC,
        ),
    )
    result = correlate(units, families, seed=seed, resamples=resamples)
    return dataclasses.replace(result, matrix=_as_robustness(result.matrix))


def _as_robustness(matrix: pd.DataFrame) -> pd.DataFrame:
    turned = (matrix["row"] == ACCURACY) != (matrix["column"] == ACCURACY)
    values = {"value": -matrix["value"], "low": -matrix["high"], "high": -matrix["low"]}
    return matrix.assign(**{name: matrix[name].where(~turned, of) for name, of in values.items()})


def on_common_anchors(models: Mapping[str, ModelAnchors]) -> dict[str, dict[str, float]]:
    """``robustness`` on the anchors that all models get right."""
    right = np.logical_and.reduce([model.sets.correct for model in models.values()])
    return {name: robustness(_only(model, right)) for name, model in models.items()}


def protocol_tables(models: Mapping[str, ModelAnchors]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``stability`` and ``sensitivity`` of the protocol, over all (item "") and per video."""
    natural, synthetic = [], []
    for name, model in models.items():
        videos = np.unique(model.sets.cluster)
        parts = {"": model} | {
            str(video): _only(model, model.sets.cluster == video) for video in videos
        }
        for item, part in parts.items():
            shares = robustness(part)
            for metric in (ACCURACY, NATURAL):
                n = (
                    len(part.sets.anchor)
                    if metric == ACCURACY
                    else int(part.sets.correct[part.sets.of].sum())
                )
                natural.append((name, item, metric, shares[metric], np.nan, np.nan, n))
            synthetic += [
                (name, item, 0, distortion, 1.0, 0, SYNTHETIC, shares[distortion])
                for distortion in part.distorted
            ]
    stability = pd.DataFrame(
        natural, columns=["model", "item", "metric", "value", "low", "high", "n"]
    )
    columns = ["model", "item", "frame", "perturbation", "strength", "draw", "metric", "value"]
    sensitivity = pd.DataFrame(synthetic, columns=columns)
    return stability.dropna(subset="value"), sensitivity.dropna(subset="value")


def anchors_of_run(
    frames: pd.DataFrame, labels: pd.DataFrame, sensitivity: pd.DataFrame
) -> dict[str, ModelAnchors]:
    """Return the anchors of a run per model."""
    flips = sensitivity[sensitivity["metric"] == "label_flip"]
    if not len(flips):
        raise InputError(
            "gu2019: the sensitivity table has no label_flip; run the sensitivity stage first"
        )
    by_model = {}
    for model, rows in flips.groupby("model", sort=False):
        mine = frames[frames["model"] == model]
        anchors = rows[["item", "frame"]].drop_duplicates()
        sets = anchor_sets(mine, labels, within=WITHIN, judged_by="anchor", anchors=anchors)
        if _of_several_classes(labels):
            sets = _judged_by_flips(sets, mine)
        key = rows["item"].astype(str) + ":" + rows["frame"].astype(str)
        distorted = {}
        for name, of in rows.assign(anchor=key).groupby("perturbation", sort=False):
            # a frame may have been shown some strengths only: its own first, second ... of them
            of = of.sort_values(["strength", "draw"], kind="stable")
            number = of.groupby("anchor", sort=False).cumcount()
            wide = of.assign(number=number).pivot_table(
                index="anchor", columns="number", values="value"
            )
            wide = wide.reindex(sets.anchor).dropna(axis=1)
            distorted[str(name)] = (wide.to_numpy() == 0) & sets.correct[:, None]
        by_model[str(model)] = ModelAnchors(sets=sets, distorted=distorted)
    return by_model


def _of_several_classes(labels: pd.DataFrame) -> bool:
    classes = labels.groupby(["item", "frame"])[["label", "label_name"]].nunique()
    return bool((classes > 1).any(axis=None))


def _judged_by_flips(sets: AnchorSets, frames: pd.DataFrame) -> AnchorSets:
    """Judge a neighbour right where its label is that of its anchor, and the anchor is right."""
    label = {
        (str(i), int(f)): k
        for i, f, k in frames[["item", "frame", "label"]].itertuples(index=False)
    }
    frame = [int(str(name).rsplit(":", 1)[1]) for name in sets.anchor]
    same = [
        sets.correct[of]
        and label[str(sets.cluster[of]), int(there)] == label[str(sets.cluster[of]), frame[of]]
        for of, there in zip(sets.of, sets.frame, strict=True)
    ]
    return dataclasses.replace(sets, neighbour=np.array(same, dtype=bool))


def square_of(result: CorrelationResult) -> tuple[pd.DataFrame, int]:
    """The matrix, accuracy and natural robustness first, and the number of models."""
    rows = result.matrix[result.matrix["method"] == "pearson"]
    names = list(dict.fromkeys([ACCURACY, NATURAL, *rows["row"]]))
    square = rows.pivot_table(index="row", columns="column", values="value")
    return square.reindex(index=names, columns=names), int(rows["n"].max()) if len(rows) else 0


def _only(model: ModelAnchors, anchors: np.ndarray) -> ModelAnchors:
    return ModelAnchors(
        sets=model.sets.only(anchors),
        distorted={name: of[anchors] for name, of in model.distorted.items()},
    )


def _mean(right: np.ndarray) -> float:
    return float(right.mean()) if right.size else float("nan")


SAID = "gu2019.json"


def on_run(path: Path, *, seed: int = 0, resamples: int = 2000) -> dict[str, Any]:
    """Write ``gu2019.json``; return its content and the square table."""
    folder = RunFolder.existing(path)
    labels = folder.table("labels")
    if not len(labels):
        raise InputError(
            f"{path}: gu2019 needs labels; give a manifest with a column label, or --labels"
        )
    frames = folder.table("frames")
    shown = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"])
    models = anchors_of_run(frames, by_name(on_frames(labels, shown)), folder.table("sensitivity"))
    if len(models) < 2:
        raise InputError(
            f"{path}: gu2019 compares models, and this run has one; name several with --model"
        )
    families = {key: str(entry.family) for key, entry in PERTURBATIONS.items()}
    result = gu2019(models, families=families, seed=seed, resamples=resamples)
    judged = result.table.drop_duplicates("perturbation").set_index("perturbation")
    study = {
        "schema": 1,
        "anchors": len(next(iter(models.values())).sets.anchor),
        "models": {name: robustness(model) for name, model in models.items()},
        "models_on_common_anchors": on_common_anchors(models),
        "verdicts": judged[["verdict", "reason"]].to_dict("index"),
        "notes": list(result.notes),
        "matrix": result.matrix.to_dict("records"),
    }
    folder.write_json(SAID, study)
    square, n = square_of(result)
    return {**study, "square": square, "models_in_square": n}


def lines(study: Mapping[str, Any]) -> list[str]:
    """What the command prints."""
    models: Mapping[str, Mapping[str, float]] = study["models"]
    columns = list(next(iter(models.values())))
    width = max(len(name) for name in [*models, *columns]) + 2
    wording = [
        f"{study['anchors']} anchors; shares, natural and synthetic robustness given that the anchor is right"
    ]
    wording.append("".ljust(width) + "".join(f"  {_short(column):>14}" for column in columns))
    wording += [
        name.ljust(width) + "".join(f"  {values[column]:14.3f}" for column in columns)
        for name, values in models.items()
    ]
    square: pd.DataFrame = study["square"]
    if study["models_in_square"]:  # two models always lie on a line
        wording.append(f"Pearson correlations over {study['models_in_square']} models")
        wording.append(
            "".ljust(width) + "".join(f"  {_short(column):>14}" for column in square.columns)
        )
        wording += [
            str(name).ljust(width) + "".join(f"  {value:14.2f}" for value in row)
            for name, row in zip(square.index, square.to_numpy(), strict=True)
        ]
    verdicts: Mapping[str, Mapping[str, str]] = study["verdicts"]
    return [
        *wording,
        *(f"- {name}: {one['verdict']}; {one['reason']}" for name, one in verdicts.items()),
    ]


def _short(column: str) -> str:
    names = {"clean_accuracy": "accuracy", "conditional_robustness": "natural"}
    return names.get(column, column.rpartition(":")[2])[:14]


def study_sequences(
    frames: FrameBatch,
    models: Sequence[Classifier],
    *,
    content: str,
    seed: int = 0,
    batch: Batch = "auto",
    step: Step | None = None,
) -> pd.DataFrame:
    """Return ``sensitivity`` rows of the ImageNet-P sequences.

    Frames are compared with the one before, for noise with the clean first one. The mean of ``top1_flip`` is
    the flip probability (Hendrycks & Dietterich 2019, section 4.2), that of ``top5_distance`` uT5D.
    """
    rows = []
    for sequence in SEQUENCES.values():
        for frame, number in zip(frames.pixels, frames.index, strict=True):
            rng = seeded(content, int(number), 0, _key(sequence), seed)
            pictures = torch.stack(list(sequence.frames(frame, rng)))
            table = _rows(sequence, pictures, models, batch)
            rows.append(table.assign(item=frames.item, frame=int(number), draw=0))
            if step is not None:
                step(sequence.num_frames)
    return pd.concat(rows, ignore_index=True)


def _key(sequence: PictureSequence) -> str:
    return f"imagenet-p:{sequence.name}"


def _rows(
    sequence: PictureSequence, pictures: torch.Tensor, models: Sequence[Classifier], batch: Batch
) -> pd.DataFrame:
    pairs = np.array(compared_pairs(sequence.num_frames, sequence.compare))
    parts = []
    for model in models:
        seen = predict(model, pictures, batch)
        before, after = seen.take(pairs[:, 0]), seen.take(pairs[:, 1])
        p, q = before.probabilities, after.probabilities
        values = {
            "label_flip": label_flip(before, after),
            "top1_flip": top1_flip(p, q),
            **distances(p, q),
        }
        table = pd.DataFrame(values, dtype=np.float64).assign(strength=pairs[:, 1].astype(float))
        rows = table.melt("strength", var_name="metric", value_name="value")
        parts.append(rows.assign(model=model.name, perturbation=_key(sequence)))
    return pd.concat(parts, ignore_index=True)
