"""On the simulated line, whose truth is known: turned pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from claims.judge import Measure
from vidrobust.plugins.unknown.auroc import clustered_auroc

DIALS = ("light=0.8", "hue=40", "dust=0.8")
PARTS, DIAL_PARTS, SECONDS = 16, 8, 0.5
KINDS = 4
"""Parts of the line come in turn, one of each kind."""


def turned(folder: Path) -> dict[str, dict[str, list[Any]]]:
    """Of each dial the scores of turned pictures: frames of known parts, and of parts with the dial turned."""
    import unknown  # the benchmark of the unknown: its worlds, and how they are asked

    rest = unknown.asked(
        unknown.footage(folder, "rest", PARTS, SECONDS, unknown.SEEDS["rest"], ()),
        "line-classifier",
    )
    parts = rest.rows["part"].to_numpy(str)
    names = np.unique(parts)
    # of every kind, half of the parts
    known = np.isin(parts, names[np.arange(len(names)) // KINDS % 2 == 0])
    found = {}
    for number, dial in enumerate(DIALS):
        seed = unknown.SEEDS["dial"] + number
        footage = unknown.footage(folder, f"dial{number}", DIAL_PARTS, SECONDS, seed, (dial,))
        pool = unknown.asked(footage, "line-classifier")
        both = [(unknown.some(rest, ~known), False), (pool, True)]
        rows: dict[str, list[Any]] = {"score": [], "outside": [], "part": []}
        for frames, outside in both:
            score = _rotation(unknown.studied(unknown.some(rest, known), frames))
            rows["score"] += score.tolist()
            rows["outside"] += [outside] * len(score)
            rows["part"] += frames.rows["part"].astype(str).tolist()
        found[dial] = rows
    return found


def _rotation(studied: list[Any]) -> np.ndarray:
    (found,) = (each for each in studied if each.score.name == "rotation")
    if found.values is None:
        raise ValueError(f"rotation: {found.why}")
    return np.asarray(found.values, float)


def measures(seen: Mapping[str, Any] | None) -> dict[str, Measure]:
    """AUROC of turned pictures by dial, over parts."""
    found = {}
    for dial, rows in (seen or {}).items():
        truth = np.array(rows["outside"], bool)
        area = clustered_auroc(np.array(rows["score"], float), truth, np.array(rows["part"]))
        on = f"the line's classifier, {dial}, {area.n} frames of {area.clusters} parts"
        found[f"rotation {dial}"] = Measure.of(area, on)
    return found
