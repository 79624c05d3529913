"""One pixel to the side: the four protocols of Azulay & Weiss 2019, a path of pixels, and Zhang's consistency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from claims.judge import Measure
from claims.pictures import Picture
from vidrobust.models.load import load_model
from vidrobust.models.predict import predict
from vidrobust.plugins.published.perturbations.shift import cut_square, square_side
from vidrobust.plugins.published.shift_study import PATH_PX, shift_study, view_of
from vidrobust.predictions import Classifier
from vidrobust.statistics.intervals import clustered_mean

PROTOCOLS = (
    "crop",
    "embedding_black",
    "embedding_inpainted",
    "scale_embedding_black",
    "crop_shift",
    "circular_shift",
)
CHANGED, PROBABILITY, UNEVEN = "label_flip", "top1_probability_change", "jaggedness"
SURE = 0.5
SMALLEST_BIGGEST = ("efficientnet-lite0", "efficientnet-lite2")
"""Of one family the shallowest and the deepest at hand: 49 and 66 layers with weights on the way through."""


def of_network(spec: str, shown: Sequence[Picture]) -> list[dict[str, Any]]:
    """A row a picture: its source, the mean of every protocol's metrics, and the path of crops."""
    model = load_model(spec, device="cpu")
    assert model.task == "classification"
    rows = []
    for number, picture in enumerate(shown):
        table = pd.DataFrame(
            shift_study([picture.pixels], model, content=picture.key, numbers=[number], view=view_of(model))
        )
        means = table.groupby(["perturbation", "metric"])["value"].mean()
        found = {f"{p.removeprefix('shift:')} {metric}": value for (p, metric), value in means.items()}
        rows.append({"source": picture.source, **found, **_path(model, picture.pixels)})
    return rows


def _path(model: Classifier, frame: torch.Tensor) -> dict[str, float]:
    """Along a path of crops the largest change of the first answer's probability, by a step and in all."""
    length = min(PATH_PX, min(frame.shape[1:]) - square_side((frame.shape[1], frame.shape[2])))
    seen = predict(model, torch.stack([cut_square(frame, k, k) for k in range(length + 1)])).probabilities
    own, top = seen[:, seen[0].argmax()], seen.argmax(axis=1)
    return {
        "path step": float(np.abs(np.diff(own)).max(initial=0.0)),
        "path all": float(own.max() - own.min()),
        "path changed": float((top != top[0]).any()),
    }


def surest(spec: str, shown: Sequence[Picture]) -> list[float]:
    """Of every picture the probability of the answer to the whole of it."""
    model = load_model(spec, device="cpu")
    assert model.task == "classification"
    return [float(predict(model, picture.pixels[None]).probabilities.max()) for picture in shown]


def of_the_sure(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], sure: Mapping[str, Sequence[float]]
) -> dict[str, Measure]:
    """How often one pixel changes the answer to a crop where the whole frame is answered with .5 or more."""
    kept = [
        (float(row[f"crop {CHANGED}"]), str(row["source"]))
        for name, of in rows.items()
        if name in sure
        for row, probability in zip(of, sure[name], strict=True)
        if probability >= SURE
    ]
    if not kept:
        return {}
    values, sources = np.array([value for value, _ in kept]), np.array([source for _, source in kept])
    found = clustered_mean(values, sources, bounds=(0.0, 1.0))
    on = f"{len(kept)} pictures and networks, {found.clusters} clips and photographs"
    return {f"shift sure crop {CHANGED}": Measure.of(found, on)}


def measures(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Measure]:
    """Of every network, and of the mean over networks, each figure with its interval over sources."""
    tables = {name: pd.DataFrame(list(of)) for name, of in rows.items()}
    if not tables:
        return {}
    columns = [c for c in next(iter(tables.values())) if c != "source"]
    mean = sum(table[columns] for table in tables.values()) / len(tables)
    source = next(iter(tables.values()))["source"].to_numpy(str)
    whole = f"{len(tables)} networks, {len(source)} pictures"
    found = {f"shift {c}": _mean(mean[c], source, whole) for c in columns}
    for name, table in tables.items():
        found |= {
            f"shift {c} {name}": _mean(table[c], source, f"{name}, {len(source)} pictures") for c in columns
        }
    most = max(float(table["path all"].max()) for table in tables.values())
    found["shift path largest"] = Measure(
        value=most, low=most, high=most, n=len(source), clusters=len(set(source)), on=whole
    )
    flip = {p: mean[f"{p} {CHANGED}"] for p in PROTOCOLS}
    found["shift black less crop"] = _difference(flip["embedding_black"] - flip["crop"], source, whole)
    found["shift consistency"] = _mean(1 - flip["crop_shift"], source, whole)
    found["shift circular less crop"] = _difference(
        flip["circular_shift"] - flip["crop_shift"], source, whole
    )
    found |= {
        f"shift consistency {name}": _mean(
            1 - table[f"crop_shift {CHANGED}"], source, f"{name}, {len(source)} pictures"
        )
        for name, table in tables.items()
    }
    return found | _deeper(tables, source)


def _deeper(tables: Mapping[str, pd.DataFrame], source: np.ndarray) -> dict[str, Measure]:
    if not all(name in tables for name in SMALLEST_BIGGEST):
        return {}
    small, big = (tables[name] for name in SMALLEST_BIGGEST)
    on = f"{SMALLEST_BIGGEST[1]} less {SMALLEST_BIGGEST[0]}, {len(source)} pictures"
    return {
        f"shift deeper {p}": _difference(big[f"{p} {CHANGED}"] - small[f"{p} {CHANGED}"], source, on)
        for p in ("crop", "embedding_black")
    }


def _mean(values: pd.Series, source: np.ndarray, on: str) -> Measure:
    known = values.notna().to_numpy()
    found = clustered_mean(values.to_numpy(float)[known], source[known], bounds=(0.0, 1.0))
    return Measure.of(found, f"{on} of {found.clusters} clips and photographs")


def _difference(values: pd.Series, source: np.ndarray, on: str) -> Measure:
    found = clustered_mean(values.to_numpy(float), source, bounds=(-1.0, 1.0))
    return Measure.of(found, f"{on} of {found.clusters} clips and photographs")
