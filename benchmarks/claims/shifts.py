"""One pixel to the side: protocols of Azulay & Weiss 2019 and Zhang's consistency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from claims.judge import Measure
from claims.pictures import Picture
from vidrobust.models.load import load_model
from vidrobust.plugins.published.shift_study import ShiftPaths, shift_study, view_of
from vidrobust.statistics.intervals import clustered_mean

PROTOCOLS = ("crop", "embedding_black", "scale_embedding_black", "crop_shift")
CHANGED, PROBABILITY = "label_flip", "top1_probability_change"


def of_network(
    spec: str,
    shown: Sequence[Picture],
    protocols: Sequence[str] = PROTOCOLS,
) -> list[dict[str, Any]]:
    """A row a picture: its source and the mean of every protocol's metrics."""
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
        rows.append({"source": picture.source, **found})
    return rows


def measures(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], of: str = "clips and photographs"
) -> dict[str, Measure]:
    """Of the mean over networks each figure, of each network its consistency, with intervals over sources."""
    tables = {name: pd.DataFrame(list(each)) for name, each in rows.items()}
    if not tables:
        return {}
    found = {
        f"shift consistency {name}": _mean(
            1 - table[f"crop_shift {CHANGED}"], table["source"].to_numpy(str), name, of
        )
        for name, table in tables.items()
        if f"crop_shift {CHANGED}" in table
    }
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
    black, crop = (mean[f"{p} {CHANGED}"] for p in ("embedding_black", "crop"))
    found["shift black less crop"] = _mean(black - crop, source, whole, of, (-1.0, 1.0))
    return found


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
