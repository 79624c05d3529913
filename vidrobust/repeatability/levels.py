"""The levels of a repeatability study: static, semi-dynamic, dynamic, as metrology of moving parts names them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.repeatability.part_motion import placed_again

LEVELS = {
    "static": "the part lies still between its passes",
    "semi-dynamic": "the part is taken away and placed again, and lies still while it is seen",
    "dynamic": "the part moves past",
}
UNDETERMINED = "undetermined"
"""A part that lies still and was shown once, so that nobody sees whether it is placed again; or none that can be
followed, for darkness or noise."""
DYNAMIC = 0.02
"""Share of the picture's width that what moves must travel in an item before it is said to move past."""


def named_levels(items: pd.DataFrame) -> dict[str, str]:
    """The level that the manifest names, by item. InputError for one that does not exist."""
    named = items[items["level"] != ""]
    wrong = named[~named["level"].isin(LEVELS)]
    if len(wrong):
        item, level = wrong.iloc[0][["item", "level"]]
        raise InputError(f"{item}: there is no level {level!r}; there are {', '.join(LEVELS)}")
    return dict(zip(named["item"], named["level"], strict=True))


def measured_levels(
    items: pd.DataFrame, travels: Mapping[str, float], pictures: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """The level of each item with a part, from measured motion.

    items     item, part, station
    travels   by item, how far what moves has gone, as a share of the width
    pictures  by item, (H, W) uint8 grey, the mean of its frames

    A still item is *static* where every other still pass of its part at its station shows it at the same place,
    *semi-dynamic* where one does not.
    """
    found: dict[str, str] = {}
    for _, rows in items[items["part"] != ""].groupby(["part", "station"], sort=False):
        names = [name for name in rows["item"] if name in travels]
        found |= {name: "dynamic" if travels[name] > DYNAMIC else UNDETERMINED for name in names}
        still = [name for name in names if travels[name] <= DYNAMIC]
        if len(still) > 1:
            again = any(placed_again(pictures[still[0]], pictures[name]) for name in still[1:])
            found |= dict.fromkeys(still, "semi-dynamic" if again else "static")
    return found
