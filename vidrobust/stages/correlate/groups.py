"""Perturbations that always move together are one proxy: find the groups and name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

TOGETHER = 0.8
"""Smallest coefficient between any two members of a group ..."""
TOGETHER_LOW = 0.6
"""... and smallest lower end of its interval."""


@dataclass(frozen=True)
class Group:
    """Perturbations whose sensitivities cannot be distinguished on these units.

    weakest   the smallest coefficient between two members; weakest_low  the smallest lower end
    """

    name: str
    members: tuple[str, ...]
    weakest: float
    weakest_low: float


def find_groups(matrix: pd.DataFrame, families: Mapping[str, str]) -> tuple[Group, ...]:
    """Groups in which every two members have a coefficient >= .8 and its lower end >= .6.

    matrix  row, column, value, low of one method, perturbations only. Complete linkage, so that a group is
            as tight as its loosest pair.
    """
    names = sorted(set(matrix["row"]) | set(matrix["column"]))
    if len(names) < 2:
        return ()
    value, low = (_square(matrix, names, what) for what in ("value", "low"))
    # the worse of the two margins to its threshold, so that one cut applies both
    short = np.maximum(TOGETHER - value, TOGETHER_LOW - low)
    short[np.isnan(short)] = 2.0
    np.fill_diagonal(short, 0.0)
    # distances must not be negative: everything inside both thresholds is at a distance below 1
    distance = np.where(np.eye(len(names), dtype=bool), 0.0, 1.0 + short)
    tree = hierarchy.linkage(squareform(distance, checks=False), method="complete")
    label = hierarchy.fcluster(tree, t=1.0, criterion="distance")
    groups = []
    for one in dict.fromkeys(label):
        rows = np.flatnonzero(label == one)
        if len(rows) > 1:
            off = ~np.eye(len(rows), dtype=bool)
            inside = np.ix_(rows, rows)
            members = tuple(names[r] for r in rows)
            groups.append(
                Group(
                    group_name(members, families),
                    members,
                    float(value[inside][off].min()),
                    float(low[inside][off].min()),
                )
            )
    return tuple(groups)


def kinds(names: Sequence[str], families: Mapping[str, str], groups: Sequence[Group]) -> dict[str, str]:
    """Perturbation -> what it is a kind of: its family, else the group it moves with, else itself."""
    member = {name: group.name for group in groups for name in group.members}
    return {name: families.get(name) or member.get(name, name) for name in names}


def group_name(members: tuple[str, ...], families: Mapping[str, str]) -> str:
    """ "blur (defocus_blur, gaussian_blur)" where all are of one family, else the members joined by +.

    Of more than four the first three are named and the others counted.
    """
    shown = members if len(members) <= 4 else (*members[:3], f"{len(members) - 3} more")
    kinds = {families.get(member, "") for member in members}
    if len(kinds) == 1 and "" not in kinds:
        return f"{kinds.pop()} ({', '.join(shown)})"
    return " + ".join(shown)


def _square(matrix: pd.DataFrame, names: list[str], what: str) -> np.ndarray:
    table = matrix.pivot_table(index="row", columns="column", values=what, dropna=False)
    square: np.ndarray = table.reindex(index=names, columns=names).to_numpy(np.float64)
    return np.where(np.isnan(square), square.T, square)
