"""The protocol of Gu et al. 2019 on a run folder with labels and several models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.finished_runs.gu2019_matrix import (
    anchors_of_run,
    draw_matrix,
    gu2019,
    on_common_anchors,
    robustness,
    square_of,
)
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.protocols.answers import on_frames
from vidrobust.protocols.said_classes import by_name
from vidrobust.run_folder.folder import RunFolder

FIGURE, SAID = "gu2019_matrix.png", "gu2019.json"


def on_run(path: Path, *, seed: int = 0, resamples: int = 2000) -> dict[str, Any]:
    """The matrix of natural against synthetic robustness over the models of a run, written beside its tables.

    Writes ``gu2019.json`` and the figure ``gu2019_matrix.png``; returns what the first holds (robustness per
    model, matrix, sentences), and the matrix as a square table. Raises InputError for a run with one model,
    without labels or without sensitivities.
    """
    folder = RunFolder.existing(path)
    labels = folder.table_or_empty("labels")
    if not len(labels):
        raise InputError(f"{path}: gu2019 needs labels; give a manifest with a column label, or --labels")
    frames = folder.table("frames")
    shown = frames.drop_duplicates(["item", "frame"]).sort_values(["item", "frame"])
    models = anchors_of_run(frames, by_name(on_frames(labels, shown)), folder.table("sensitivity"))
    if len(models) < 2:
        raise InputError(f"{path}: gu2019 compares models, and this run has one; name several with --model")
    families = {key: str(entry.family) for key, entry in PERTURBATIONS.items()}
    result = gu2019(models, families=families, seed=seed, resamples=resamples)
    draw_matrix(result, folder.path / FIGURE)
    said = {
        "schema": 1,
        "anchors": len(next(iter(models.values())).sets.anchor),
        "models": {name: robustness(model) for name, model in models.items()},
        "models_on_common_anchors": on_common_anchors(models),
        "headline": result.headline,
        "sentences": dict(result.sentences),
        "notes": list(result.notes),
        "matrix": result.matrix.to_dict("records"),
        "figure": FIGURE,
    }
    folder.write_json(SAID, said)
    square, n = square_of(result)
    return {**said, "square": square, "models_in_square": n}


def lines(said: Mapping[str, Any]) -> list[str]:
    """What the command prints: robustness of each model, the matrix, and what may be said of it."""
    each: Mapping[str, Mapping[str, float]] = said["models"]
    columns = list(next(iter(each.values())))
    width = max(len(name) for name in [*each, *columns]) + 2
    wording = [
        f"{said['anchors']} anchors; shares, natural and synthetic robustness given that the anchor is right"
    ]
    wording.append("".ljust(width) + "".join(f"  {_short(column):>14}" for column in columns))
    wording += [
        name.ljust(width) + "".join(f"  {values[column]:14.3f}" for column in columns)
        for name, values in each.items()
    ]
    square: pd.DataFrame = said["square"]
    if said["models_in_square"]:  # two models always lie on a line
        wording.append(f"Pearson correlations over {said['models_in_square']} models")
        wording.append("".ljust(width) + "".join(f"  {_short(column):>14}" for column in square.columns))
        wording += [
            str(name).ljust(width) + "".join(f"  {value:14.2f}" for value in row)
            for name, row in zip(square.index, square.to_numpy(), strict=True)
        ]
    return [*wording, said["headline"], *(f"- {sentence}" for sentence in said["sentences"].values())]


def _short(column: str) -> str:
    """The name of a column in fourteen characters."""
    names = {"clean_accuracy": "accuracy", "conditional_robustness": "natural"}
    return names.get(column, column.rpartition(":")[2])[:14]
