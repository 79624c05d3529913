"""Whether a model answers to any change alike, whatever its size: then no cause can be named."""

from __future__ import annotations

import numpy as np

from vidrobust.run_folder.reader import RunTables
from vidrobust.statistics.ratios import PairedRatio, paired_ratio
from vidrobust.text.numbers import share_with_interval

METRIC = "total_variation"
# From here on the mildest changes do as much as the strongest: networks .08 to .25, a hash of a picture 1.00.
ALIKE = 0.8
# A model whose probability the strongest changes move by less on average answers to nothing.
LEAST_MOVED = 0.01
FEWEST_KINDS = 5  # perturbations with several strengths, from which on anything is said


def mildest_to_strongest(run: RunTables, model: str) -> PairedRatio | None:
    """Return response to the mildest over that to the strongest changes; None if unclear."""
    table = run.table("sensitivity")
    if table is None:
        return None
    rows = table[(table["model"] == model) & (table["metric"] == METRIC) & table["value"].notna()]
    moved = rows.groupby(["perturbation", "strength"], sort=True)["value"].mean()
    several = [each.to_numpy(float) for _, each in moved.groupby(level=0) if len(each) > 1]
    if len(several) < FEWEST_KINDS:
        return None
    mildest, strongest = (np.array([each[k] for each in several]) for k in (0, -1))
    if strongest.mean() < LEAST_MOVED:
        return None
    return paired_ratio(strongest, mildest, np.arange(len(several)), events=False)


def answers_to_any_change_alike(run: RunTables, model: str) -> bool:
    """Return whether the mildest changes surely move the model nearly as far as the strongest."""
    return bool(in_words(run, model))


def in_words(run: RunTables, model: str) -> str:
    """Return the same in words with its figure; "" where the response grows with strength."""
    found = mildest_to_strongest(run, model)
    if found is None or not found.low >= ALIKE:
        return ""
    ratio = share_with_interval(found.ratio, found.low, found.high)
    return f"the mildest changes tried move the answer as far as the strongest ({ratio})"
