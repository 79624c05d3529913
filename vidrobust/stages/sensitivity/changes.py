"""How often perturbations change the answer: the one number, with its interval, of answer, page and details."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from vidrobust.run_folder.reader import with_parts
from vidrobust.statistics.clusters import SHORTEST_FRAMES, clusters_of_rows
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_share
from vidrobust.statistics.levels import FALSE_DISCOVERY, FEWEST_ROWS
from vidrobust.statistics.significance import benjamini_hochberg

WORTH_SAYING = 0.05  # a strength matters from this share of changed frames on
# A curve that changes so many frames at its mildest strength has nowhere to rise
SATURATED = 0.5
Block = tuple[tuple[float, ...], np.ndarray]  # strengths, and the rows that show them


@dataclass(frozen=True)
class CurveStep:
    """Neighbouring strengths of one perturbation, mildest first, and the share of their frames that changes."""

    strengths: tuple[float, ...]
    share: Interval


@dataclass(frozen=True)
class SensitivityCurve:
    """A perturbation's strengths, mildest first, and how often the answer changes at them.

    ``pools`` hold ten frames or more: strengths with fewer are joined with their neighbours. ``steps`` are pools
    joined until their shares do not fall (isotonic regression, Barlow et al. 1972). Both are empty where all
    strengths together have fewer than ten frames. ``p`` is one-sided, of Kendall's rank correlation between
    strength and change over the frames: every clip is shown all strengths, so that clips make no trend.
    """

    perturbation: str
    frames: int
    pools: tuple[CurveStep, ...]
    steps: tuple[CurveStep, ...]
    p: float

    @property
    def first(self) -> CurveStep | None:
        """The mildest strengths that matter; None where none do."""
        return next((s for s in (*self.steps, *self.pools) if s.share.value >= WORTH_SAYING), None)

    @property
    def milder(self) -> int:
        """How many strengths are milder than the first that matters."""
        first = self.first
        mildest = first.strengths[0] if first else np.inf
        return sum(strength < mildest for pool in self.pools for strength in pool.strengths)


def ranked(curves: Sequence[SensitivityCurve]) -> list[SensitivityCurve]:
    """Return the curves that matter, most sensitive first.

    Those that rise with strength come first: by the trend test over all curves, or because most frames change at
    the mildest strength. Of these the one with the fewest milder strengths leads, then the larger share.
    """
    rises = benjamini_hochberg([curve.p for curve in curves]) < FALSE_DISCOVERY
    order = []
    for curve, trend in zip(curves, rises.tolist(), strict=True):
        if curve.first is not None:
            rising = trend or curve.steps[0].share.value >= SATURATED
            key = (not rising, curve.milder, -curve.first.share.value, curve.perturbation)
            order.append((key, curve))
    return [curve for _, curve in sorted(order, key=lambda each: each[0])]


class Changes:
    """What perturbations change in the frames of one model: a row a frame, perturbation and strength.

    Parameters
    ----------
    rows
        Rows of the table ``sensitivity`` of one model.
    metrics
        Metrics whose sum, at most 1, is the change of a frame; its draws are averaged.
    parts
        Item -> part.
    """

    def __init__(
        self, rows: pd.DataFrame, metrics: Sequence[str], parts: Mapping[str, str]
    ) -> None:
        rows = rows[rows["metric"].isin(metrics) & rows["value"].notna()]
        keys = ["item", "frame", "perturbation", "strength"]
        drawn = rows.groupby([*keys, "metric"], sort=False)["value"].mean()
        change = drawn.groupby(level=keys, sort=False).sum().clip(upper=1.0)
        self.table = change.reset_index()
        self.clusters = clusters_of_rows(
            with_parts(self.table, dict(parts)), "frame", SHORTEST_FRAMES
        )

    def by_strength(self) -> Iterator[tuple[str, float, np.ndarray]]:
        """Yield perturbation, strength and the rows that show it, mildest first."""
        for (name, strength), rows in self.table.groupby(["perturbation", "strength"], sort=True):
            yield str(name), float(strength), rows.index.to_numpy()

    def share(self, rows: np.ndarray) -> Interval:
        """Return the share of frames that change, as the rate of dependent trials."""
        return clustered_share(self._values(rows), self.clusters.of(rows))

    def mean(self, rows: np.ndarray) -> Interval:
        """Return the mean of a change that has sizes, such as a total variation."""
        return clustered_mean(self._values(rows), self.clusters.of(rows), bounds=(0.0, 1.0))

    def curves(self) -> list[SensitivityCurve]:
        """Return a curve for each perturbation, in the order of the table."""
        shown: dict[str, list[Block]] = {str(n): [] for n in self.table["perturbation"].unique()}
        for name, strength, rows in self.by_strength():
            shown[name].append(((strength,), rows))
        return [self._curve(name, blocks) for name, blocks in shown.items()]

    def _curve(self, name: str, blocks: list[Block]) -> SensitivityCurve:
        every = np.concatenate([rows for _, rows in blocks])
        if len(every) < FEWEST_ROWS:
            return SensitivityCurve(name, len(every), (), (), np.nan)
        # from the strongest on: what is left over is mild
        while (few := _last(len(rows) < FEWEST_ROWS for _, rows in blocks)) is not None:
            at = max(few - 1, 0)
            blocks[at : at + 2] = [_both(*blocks[at : at + 2])]
        pools = self._steps(blocks)
        fit = optimize.isotonic_regression(
            [pool.share.value for pool in pools], weights=[pool.share.n for pool in pools]
        )
        for begin, end in reversed(list(itertools.pairwise(fit.blocks.tolist()))):
            if len({pool.share.value for pool in pools[begin:end]}) > 1:  # ties do not fall
                blocks[begin:end] = [functools.reduce(_both, blocks[begin:end])]
        return SensitivityCurve(name, len(every), pools, self._steps(blocks), self._trend(every))

    def _steps(self, blocks: Sequence[Block]) -> tuple[CurveStep, ...]:
        return tuple(CurveStep(strengths, self.share(rows)) for strengths, rows in blocks)

    def _values(self, rows: np.ndarray) -> np.ndarray:
        return self.table["value"].to_numpy(np.float64)[rows]

    def _trend(self, rows: np.ndarray) -> float:
        strength = self.table["strength"].to_numpy(np.float64)[rows]
        value = self._values(rows)
        if len(np.unique(strength)) < 2 or len(np.unique(value)) < 2:
            return np.nan
        return float(stats.kendalltau(strength, value, alternative="greater").pvalue)


def _last(holds: Iterable[bool]) -> int | None:
    return max((place for place, held in enumerate(holds) if held), default=None)


def _both(mild: Block, strong: Block) -> Block:
    return mild[0] + strong[0], np.concatenate([mild[1], strong[1]])
