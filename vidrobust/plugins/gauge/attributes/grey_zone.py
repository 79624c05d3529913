"""The grey zone of an attribute study: the parts on which verdicts split, and who splits where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


def grey_zone(table: pd.DataFrame) -> dict[str, Any]:
    """Find parts that did not get one class throughout, and whether operators waver on the same parts
    (Fisher's exact).
    """
    counts = table.groupby(["part", "value"], sort=False).size()
    kinds = table.groupby("part", sort=False)["value"].nunique()
    parts = [
        {"part": str(part), "verdicts": {str(v): int(n) for v, n in counts[part].items()}}
        for part in kinds.index[kinds > 1]
    ]
    operators = {}
    for operator in sorted(table["operator"].unique()):
        own = table[table["operator"] == operator].groupby("part")["value"].nunique() > 1
        rest = table[table["operator"] != operator].groupby("part")["value"].nunique() > 1
        both = own.index.intersection(rest.index)
        if not len(both):
            continue
        names = ("both", "only_it", "only_others", "neither")
        operators[str(operator)] = _together(own[both].to_numpy(), rest[both].to_numpy(), names)
    return {"parts": parts, "operators": operators}


def model_and_people(table: pd.DataFrame, people: Iterable[str]) -> dict[str, Any] | None:
    """Count parts on which verdicts of the model, of people or of both split, with Fisher's exact p.

    None where no part was judged by both.
    """
    persons = table["operator"].isin(set(people))
    model = table[~persons].groupby("part", sort=False)["value"].nunique() > 1
    human = table[persons].groupby("part", sort=False)["value"].nunique() > 1
    shared = model.index[model.index.isin(human.index)]
    if not len(shared):
        return None
    a, b = model[shared].to_numpy(), human[shared].to_numpy()
    found = _together(a, b, ("both", "only_model", "only_people", "neither"))
    return {"parts": len(shared), **found, "parts_only_model": [str(part) for part in shared[a & ~b]]}


def _together(a: np.ndarray, b: np.ndarray, names: tuple[str, str, str, str]) -> dict[str, Any]:
    """Counts of (N,) bool a and b, and Fisher's exact test that they go together."""
    cells = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    odds, p = stats.fisher_exact(cells)
    return {
        **dict(zip(names, (*cells[0], *cells[1]), strict=True)),
        "odds": float(odds),
        "p": float(p),
    }
