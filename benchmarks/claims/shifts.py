"""One pixel to the side: protocols of Azulay & Weiss 2019, a path of pixels, and Zhang's consistency."""

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
from vidrobust.plugins.published.shift_study import PATH_PX, ShiftPaths, shift_study, view_of
from vidrobust.predictions import Classifier
from vidrobust.statistics.intervals import clustered_mean

PROTOCOLS = ("crop", "embedding_black", "scale_embedding_black", "crop_shift")
CHANGED, PROBABILITY = "label_flip", "top1_probability_change"
SURE, ALMOST_ALL = 0.5, 0.9
"""Probability of a sure answer; change of the first answer's probability that is almost all of it."""
SMALLEST_BIGGEST = ("efficientnet-lite0", "efficientnet-lite2")
"""Of one family the shallowest and the deepest at hand: 49 and 66 layers with weights on the way through."""


def of_network(
    spec: str,
    shown: Sequence[Picture],
    protocols: Sequence[str] = PROTOCOLS,
    walked: int | None = None,
) -> list[dict[str, Any]]:
    """A row a picture: its source, the mean of every protocol's metrics, and the path of the first ``walked``."""
    model = load_model(spec, device="cpu")
    assert model.task == "classification"
    rows = []
    for number, picture in enumerate(shown):
        paths = ShiftPaths(
            content=picture.key, view=view_of(model), length_px=0, protocols=protocols
        )
        # the label is asked for jaggedness alone
        studied = shift_study(picture.pixels, model, number, paths, label=0)
        table = pd.DataFrame(studied)
        means = table.groupby(["perturbation", "metric"])["value"].mean()
        found = {
            f"{p.removeprefix('shift:')} {metric}": value for (p, metric), value in means.items()
        }
        path = path_of(model, picture.pixels) if walked is None or number < walked else {}
        rows.append({"source": picture.source, **found, **path})
    return rows


def path_of(model: Classifier, frame: torch.Tensor) -> dict[str, float]:
    """Along a path of crops the largest change of the first answer's probability, by a step and in all."""
    length = min(PATH_PX, min(frame.shape[1:]) - square_side((frame.shape[1], frame.shape[2])))
    seen = predict(
        model, torch.stack([cut_square(frame, k, k) for k in range(length + 1)])
    ).probabilities
    own, top = seen[:, seen[0].argmax()], seen.argmax(axis=1)
    return {
        "path step": float(np.abs(np.diff(own)).max(initial=0.0)),
        "path all": float(own.max() - own.min()),
        "path changed": float((top != top[0]).any()),
    }


def of_paths(spec: str, shown: Sequence[Picture]) -> list[float]:
    """Of every picture by how much the first answer's probability moves along its path."""
    model = load_model(spec, device="cpu")
    assert model.task == "classification"
    return [path_of(model, picture.pixels)["path all"] for picture in shown]


def surest(spec: str, shown: Sequence[Picture]) -> list[float]:
    """Of every picture the probability of the answer to the whole of it."""
    model = load_model(spec, device="cpu")
    assert model.task == "classification"
    return [float(predict(model, picture.pixels[None]).probabilities.max()) for picture in shown]


def of_the_sure(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    sure: Mapping[str, Sequence[float]],
    of: str = "clips and photographs",
) -> dict[str, Measure]:
    """How often one pixel changes the answer to a crop where the whole frame is answered with .5 or more."""
    kept = [
        (float(row[f"crop {CHANGED}"]), str(row["source"]))
        for name, found in rows.items()
        if name in sure
        for row, probability in zip(
            found, sure[name], strict=False
        )  # some were asked further pictures
        if probability >= SURE
    ]
    if not kept:
        return {}
    values, sources = (
        np.array([value for value, _ in kept]),
        np.array([source for _, source in kept]),
    )
    mean = clustered_mean(values, sources, bounds=(0.0, 1.0))
    on = f"{len(kept)} pictures and networks, {mean.clusters} {of}"
    return {f"shift sure crop {CHANGED}": Measure.of(mean, on)}


def measures(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    of: str = "clips and photographs",
    searched: Sequence[float] = (),
) -> dict[str, Measure]:
    """Of every network, and of the mean over networks, each figure with its interval over sources.

    searched  changes along further paths, of which only the largest counts
    """
    tables = {name: pd.DataFrame(list(each)) for name, each in rows.items()}
    if not tables:
        return {}
    found = {
        f"shift {c} {name}": _mean(table[c], table["source"].to_numpy(str), name, of)
        for name, table in tables.items()
        for c in table.columns.drop("source")
    }
    found |= {
        f"shift consistency {name}": _mean(
            1 - table[f"crop_shift {CHANGED}"], table["source"].to_numpy(str), name, of
        )
        for name, table in tables.items()
        if f"crop_shift {CHANGED}" in table
    }
    found |= _deeper(tables, of)
    asked = {f"{protocol} {CHANGED}" for protocol in PROTOCOLS}
    tables = {name: table for name, table in tables.items() if asked <= set(table)}
    if not tables:
        return found
    longest = max(tables.values(), key=len)
    columns = [c for c in longest if c != "source" and all(c in table for table in tables.values())]
    source = longest["source"].to_numpy(str)
    whole = f"{len(tables)} networks"
    mean = sum(table[columns] for table in tables.values()).reindex(longest.index) / len(tables)
    found |= {f"shift {c}": _mean(mean[c], source, whole, of) for c in columns}
    paths = [float(value) for table in tables.values() for value in table["path all"].dropna()]
    far = [*paths, *searched]
    # the largest seen is the least that the largest can be
    found["shift path largest"] = Measure(
        value=max(far),
        low=max(far),
        high=1.0,
        n=len(far),
        clusters=len(far),
        on=f"{whole}, {len(far)} paths",
    )
    black, crop = (mean[f"{p} {CHANGED}"] for p in ("embedding_black", "crop"))
    found["shift black less crop"] = _difference(black - crop, source, whole, of)
    return found


def _deeper(tables: Mapping[str, pd.DataFrame], of: str) -> dict[str, Measure]:
    if not all(name in tables for name in SMALLEST_BIGGEST):
        return {}
    small, big = (tables[name] for name in SMALLEST_BIGGEST)
    who = f"{SMALLEST_BIGGEST[1]} less {SMALLEST_BIGGEST[0]}"
    both = [p for p in PROTOCOLS[:2] if all(f"{p} {CHANGED}" in table for table in (small, big))]
    return {
        f"shift deeper {p}": _difference(
            (big[f"{p} {CHANGED}"] - small[f"{p} {CHANGED}"]).dropna(),
            small["source"].to_numpy(str),
            who,
            of,
        )
        for p in both
    }


def _mean(
    values: pd.Series,
    source: np.ndarray,
    who: str,
    of: str,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Measure:
    known = values.notna().to_numpy()
    found = clustered_mean(
        values.to_numpy(float)[known], source[: len(known)][known], bounds=bounds
    )
    return Measure.of(found, f"{who}, {found.n} pictures of {found.clusters} {of}")


def _difference(values: pd.Series, source: np.ndarray, who: str, of: str) -> Measure:
    return _mean(values, source, who, of, (-1.0, 1.0))
