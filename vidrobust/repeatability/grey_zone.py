"""The grey zone of an attribute study: the parts on which verdicts split, and who splits where."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy import stats


def grey_zone(table: pd.DataFrame) -> dict[str, Any]:
    """The parts that did not get one class throughout, and whether each operator wavers where the others do.

    operators: parts on which it wavers and the others disagree (both), on which only one of these is so, and
    neither; the odds and Fisher's exact p that the two go together.
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
        a, b = own[both].to_numpy(), rest[both].to_numpy()
        cells = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
        odds, p = stats.fisher_exact(cells)
        operators[str(operator)] = {
            **dict(zip(("both", "only_it", "only_others", "neither"), (*cells[0], *cells[1]), strict=True)),
            "odds": float(odds),
            "p": float(p),
        }
    return {"parts": parts, "operators": operators}
