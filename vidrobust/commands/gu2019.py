"""The protocol of Gu et al. 2019 on a run folder with labels and several models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.protocols.answers import on_frames
from vidrobust.protocols.gu2019 import anchors_of_run, draw_matrix, gu2019, robustness
from vidrobust.protocols.said_classes import by_name
from vidrobust.run.folder import RunFolder

FIGURE, SAID = "gu2019_matrix.png", "gu2019.json"


def on_run(path: Path, *, seed: int = 0, resamples: int = 2000) -> dict[str, Any]:
    """The matrix of natural against synthetic robustness over the models of a run, written beside its tables.

    Writes ``gu2019.json`` and the figure ``gu2019_matrix.png``; returns what the first holds: robustness per
    model, matrix, sentences. Raises InputError for a run with one model, without labels or without sensitivities.
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
        "headline": result.headline,
        "sentences": dict(result.sentences),
        "notes": list(result.notes),
        "matrix": result.matrix.to_dict("records"),
        "figure": FIGURE,
    }
    folder.write_json(SAID, said)
    return said
