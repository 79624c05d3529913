"""The account of causes: what share of the model's change each group and each cause holds, with its interval.

::

    share(cause)      = sum w projection / sum w change  over the pairs that lie across no keyframe
    specific(cause)   = share less the same of the placebos, where that is above 0
    share(keyframes)  = excess of the pairs across keyframes over the pairs beside them / change of all pairs
    share(group)      = sum of the shares of its causes; those of all groups add up to 1
    low, high         = interval over pairs and error of the measurement, of this footage

w is the inverse of the probability with which the pair was drawn. Other shares are of what the keyframes leave.

A flip from class a to class b is decided by the margin between the two alone::

    margin(x) = z_a(x) - z_b(x)      t ──────────────0──────── t+1      past: how far t+1 lies from 0
                                       <─── steps of a cause ──>

The steps of all causes add up to the way from t to t+1. A cause is necessary where its own are longer than what lies
past 0; several may be for one flip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from vidrobust.stages.causes.catalogue import (
    ACCOUNT_CAUSES,
    CATALOGUE,
    DIVIDED,
    EITHER,
    GROUPS,
    KEYFRAMES,
    MOTION,
    NOISE,
    NOT_MEASURED,
    RECODED,
    REPLAYED,
    SHARPNESS,
    UNDIVIDED,
)
from vidrobust.stages.causes.outcomes import LEFT_OUT, PAIR, excluded_pairs
from vidrobust.statistics.clusters import SHORTEST_SAMPLED, independent_clusters
from vidrobust.statistics.intervals import TestedInterval
from vidrobust.statistics.levels import FEWEST_CLUSTERS, LEVEL
from vidrobust.statistics.significance import sign_flip_p
from vidrobust.statistics.standard_errors import (
    effective_freedom,
    influence,
    jackknife_error,
    t_half_width,
    t_upper_tail,
)

# The two distances in time: neighbours, and pairs about a second apart.
ADJACENT, SECOND = "adjacent", "second"
SMALLEST_SHARE = 0.05  # a cause is named only where its share is surely above this
# What a pair that was not drawn may hold, as a share of its change: how one more such pair moves each end.
UNSEEN = (-0.1, 0.25)
# Of a share, however many pairs there are: of one near 0, and of one from LARGE on. Of 95 in 100 shares of planted
# development worlds (benchmarks/account.py) the true one is as near.
LEAST_ERRORS, LARGE = (0.02, 0.06), 0.2
# Part of what a rule gave to a cause from a remainder that may be another's.
OF_REMAINDER = 0.5
# How far beyond the two shares of coding the true one may lie: so much, and this part of their distance. In 38 worlds
# behind H.264 the intervals then hold 53 of 56 true shares of .1 or more (46 without LEAST_BEYOND).
LEAST_BEYOND, BEYOND = 0.06, 0.15
# Focus changes the detail that noise has, and both are measured where the picture is finest: so much of the lesser of
# the two shares may be the other's. In 44 worlds 65 of 71 true shares of .1 or more then hold (60 without).
OF_LESSER = 0.5
COLUMNS = (
    *("level", "group", "cause", "share", "low", "high", "pairs_low", "pairs_high"),
    *("beyond_low", "beyond_high", "n"),
    *("specific", "specific_low", "specific_high", "p", "p_clips", "clusters", "occurs"),
    *("flips", "flips_mostly", "flips_due", "flips_at_most", "flips_all", "excluded"),
)
Ends = tuple[float, float]
Level = Literal["group", "cause", "either"]

RatioOfTotals = Callable[[np.ndarray], np.ndarray]  # totals (..., columns) -> value (...)


def summarise(
    causes: pd.DataFrame,
    *,
    per_item: bool = True,
    keyframes: Mapping[str, float] | None = None,
    flips: Mapping[tuple[str, str], int] | None = None,
) -> pd.DataFrame:
    """Make the table ``account`` of neighbours: rows of a model and item ("" = all), a group or cause each.

    ``keyframes``: p-values by model; ``flips`` by (model, item), by default as many as the sample stands for.
    """
    rows: list[dict[str, Any]] = []
    for model, of_model in causes[causes["scale"] == ADJACENT].groupby("model", sort=False):
        items = of_model.groupby("item", sort=False) if per_item else ()
        for item, some in [("", of_model), *((str(name), part) for name, part in items)]:
            known = None if flips is None else flips.get((str(model), item), 0)
            made = account_rows({"model": str(model), "item": item}, some, known)
            for row in made:
                if row["cause"] == KEYFRAMES and not item and str(model) in (keyframes or {}):
                    row["p"] = (keyframes or {})[str(model)]
            rows += made
    return pd.DataFrame(rows, columns=["model", "item", *COLUMNS])


def summarise_by(causes: pd.DataFrame) -> pd.DataFrame:
    """Make the table ``account_by``: as ``account``, by "scale" (a second apart or not) or "class" (at t)."""
    rows: list[dict[str, Any]] = []
    neighbours = causes[causes["scale"] == ADJACENT]
    for by, column, table in (("scale", "scale", causes), ("class", "class_a", neighbours)):
        for (model, value), group in table.groupby(["model", column], sort=False):
            ids = {"by": by, "value": str(value), "model": str(model), "item": ""}
            rows += account_rows(ids, group)
    return pd.DataFrame(rows, columns=["by", "value", "model", "item", *COLUMNS])


def over_a_second(by: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``account_by`` that are of pairs a second apart, over all items."""
    return by[(by["by"] == "scale") & (by["value"] == SECOND)]


def account_rows(
    ids: Mapping[str, str], rows: pd.DataFrame, flips: int | None = None
) -> list[dict[str, Any]]:
    """Return the rows of one model and one cut of its pairs; ``flips`` of all the footage, if known."""
    pairs = PairTable.of(rows)
    known = round(pairs.weight[pairs.flip].sum()) if flips is None else flips
    shared: dict[str, Any] = {
        "n": len(pairs.change),
        "clusters": pairs.stretches,
        "flips": int(pairs.flip.sum()),
        "flips_all": max(int(pairs.flip.sum()), known),
        "excluded": int(excluded_pairs(rows).sum()),
    }
    made: list[tuple[Level, str, str]] = [("group", name, name) for name in GROUPS]
    made += [("cause", CATALOGUE[name].group, name) for name in ACCOUNT_CAUSES]
    if pairs.alone.any():
        made.append(("either", "", EITHER.name))
    return [
        {**ids, **shared, "level": level, "group": group, **_account_of(pairs, name, level, shared)}
        for level, group, name in made
    ]


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """Rows of the table ``causes`` of one model as arrays: n pairs and C causes, those of ``DIVIDED``."""

    # projection, placebo: (n, C) float64; Weighted; 0 if the pair could not be replayed
    projection: np.ndarray
    placebo: np.ndarray
    measured: np.ndarray  # (n, C) bool: Such a change was measured
    # (n, C) float64: Weighted; the part of the projection that a rule gave to the cause from a remainder, and of
    # noise the part that is not seen where the picture is flat
    unsure: np.ndarray
    # (n,): Whether what moves may be the camera, and the reverse; share of what moves that may be coding
    alone: np.ndarray
    slight: np.ndarray
    # (n, C) float64: How far this cause moves the margin towards the flip; NaN where not known
    margin_step: np.ndarray
    # (n,) float64: How far t+1 lies beyond the border of the labels; or NaN
    margin_past: np.ndarray
    weight: np.ndarray  # (n,) float64: How many pairs each stands for
    # change, excess, at_keyframe: (n,) float64; Weighted <d, d> of pairs across no keyframe, excess of pairs
    # across a keyframe over the pairs beside them, and <d, d> of those; else 0
    change: np.ndarray
    excess: np.ndarray
    at_keyframe: np.ndarray
    flip: np.ndarray  # (n,) bool
    # item, frame: (n,) int64; Code of the item, and first frame
    item: np.ndarray
    frame: np.ndarray
    part: np.ndarray  # (n,) str: The part that was shown; empty where unknown

    @classmethod
    def of(cls, rows: pd.DataFrame) -> PairTable:
        kept = rows[~rows["excluded"].isin(LEFT_OUT)]
        pairs = kept.drop_duplicates(PAIR).reset_index(drop=True)
        place = pd.MultiIndex.from_frame(pairs[PAIR]).get_indexer(
            pd.MultiIndex.from_frame(kept[PAIR])
        )
        names = (*DIVIDED, KEYFRAMES)
        column = kept["cause"].map({name: k for k, name in enumerate(names)}).to_numpy(np.int64)

        def wide(name: str, missing: float = 0.0) -> np.ndarray:
            table = np.full((len(pairs), len(names)), missing)
            table[place, column] = np.nan_to_num(kept[name].to_numpy(np.float64), nan=missing)
            return table

        weight = pairs["weight"].to_numpy(np.float64)
        change = weight * pairs["squared_change"].to_numpy(np.float64)
        keyframe = (pairs["cause"] == KEYFRAMES).to_numpy(bool)
        projection = weight[:, None] * wide("projection")
        unsure = weight[:, None] * wide("unsure")[:, :-1]
        _take_coding_from_motion(projection[:, :-1], unsure, pairs, np.where(keyframe, 0.0, change))
        return cls(
            projection=projection[:, :-1],
            placebo=weight[:, None] * wide("placebo")[:, :-1],
            measured=wide("size")[:, :-1] != 0,
            unsure=unsure,
            alone=pairs["alone"].to_numpy(bool),
            slight=pairs["slight"].to_numpy(np.float64),
            margin_step=wide("margin_step", np.nan)[:, :-1],
            margin_past=pairs["margin_past"].to_numpy(np.float64),
            weight=weight,
            change=np.where(keyframe, 0.0, change),
            excess=projection[:, -1],
            at_keyframe=np.where(keyframe, change, 0.0),
            flip=pairs["flip"].to_numpy(bool),
            item=pd.factorize(pairs["item"])[0],
            frame=pairs["frame_a"].to_numpy(np.int64),
            part=(pairs["part"] if "part" in pairs else pd.Series("", pairs.index)).to_numpy(
                object
            ),
        )

    @cached_property
    def stretches(self) -> int:
        """How many independent stretches of footage the pairs come from (``statistics/clusters.py``)."""
        units = independent_clusters(
            self.item, self.frame, part=self.part, shortest=SHORTEST_SAMPLED
        )
        return int(units.label.max(initial=-1)) + 1

    @cached_property
    def footage(self) -> np.ndarray:
        """The part that a pair shows, or its clip where no part is known, (n,) int."""
        names = np.where(self.part == "", [f"clip {code}" for code in self.item], self.part)
        return np.asarray(np.unique(names.astype(str), return_inverse=True)[1])

    def take(self, chosen: np.ndarray) -> PairTable:
        return PairTable(**{slot.name: getattr(self, slot.name)[chosen] for slot in fields(self)})

    def part_of(self, name: str, level: Level = "cause") -> np.ndarray:
        """Return (n,) the weighted part of each pair's change that is this cause or group."""
        if name == KEYFRAMES:
            return self.excess
        return np.asarray(self.projection[:, columns_of(name, level)].sum(axis=1))

    def occurs(self, name: str, level: Level = "cause") -> np.ndarray:
        """Return (n,) bool: such a change was measured in this pair; of what is not measured, any change."""
        if name == KEYFRAMES:
            return self.at_keyframe > 0
        if level != "cause" or name in UNDIVIDED.values():
            return self.change > 0
        return self.measured[:, DIVIDED.index(name)]

    def beyond(self, name: str, level: Level = "cause") -> np.ndarray:
        """Return what each pair has of a cause beyond SMALLEST_SHARE of all change and beyond placebos, (n,)."""
        # Placebos are pooled: one pair's alone are as uncertain as what they are compared with. What all pairs
        # are to exceed is laid on those in which such a change was measured.
        projection, placebo = self.part_of(name, level), 0.0
        if level == "cause":
            placebo = float(self.placebo[:, columns_of(name, level)].sum())
        least = max(SMALLEST_SHARE * float(self.change.sum()), placebo)
        acting = np.where(self.occurs(name, level) | (projection != 0), self.change, 0.0)
        if not acting.sum() > 0:
            return np.zeros(len(projection))
        return np.asarray(projection - least * acting / acting.sum())


def _take_coding_from_motion(
    projection: np.ndarray, unsure: np.ndarray, pairs: pd.DataFrame, change: np.ndarray
) -> None:
    """Give noise and coding, in place, the part of all motions that coding makes beyond what it already has.

    Between which shares coding lies is seen where the footage is coded once more (``recoded.py``); their middle is
    taken, and half of what is between them is unsure. Of noise, what lies below them is sure. Of clips that are not
    coded once more nothing is known.
    """
    again = pairs[list(RECODED)].to_numpy(np.float64) * pairs[["weight"]].to_numpy(np.float64)
    known = np.isfinite(again).all(axis=1)
    of_coded = pairs["item"].isin(pairs["item"][known]).to_numpy()
    finer, finer_along, coarser, coarser_along = again[known].sum(axis=0)
    total = float(change[of_coded].sum())
    if not (total > 0 and finer > 0 and coarser > 0):
        return
    low, high = sorted((1 - finer_along / finer, 1 - coarser_along / coarser))
    beyond = LEAST_BEYOND + BEYOND * (high - low)
    ends = np.clip([low - beyond, high + beyond], 0, 1)
    noise = [
        k for k, cause in enumerate(DIVIDED) if cause in (NOISE, UNDIVIDED["noise_and_detail"])
    ]
    moved = [k for k, cause in enumerate(DIVIDED) if CATALOGUE[cause].group in ("moving", "camera")]
    rows, coding = np.flatnonzero(of_coded)[:, None], DIVIDED.index(NOISE)
    of_motion = projection[rows, moved]
    motion = float(of_motion.sum())
    if motion > 0:
        missing = total * ends - float(projection[rows, noise].sum())
        least, part, most = (
            np.clip([missing.min(), missing.mean(), missing.max()], 0, motion) / motion
        )
        projection[rows, moved] -= part * of_motion
        projection[of_coded, coding] += part * of_motion.sum(axis=1)
        unsure[rows, moved] += (most - part) * of_motion / OF_REMAINDER
        unsure[of_coded, coding] += (part - least) * of_motion.sum(axis=1)
    unsure_of_noise = float(unsure[of_coded, coding].sum())
    if unsure_of_noise > 0:
        above = max(0.0, float(projection[rows, noise].sum()) - total * ends.min())
        unsure[of_coded, coding] *= min(1.0, above / unsure_of_noise)


def _account_of(
    pairs: PairTable, name: str, level: Level, shared: Mapping[str, Any]
) -> dict[str, Any]:
    """What is reported of one cause or group: columns of ``account``."""
    part = pairs.part_of(name, level)
    share = estimate(pairs, part, floor=SMALLEST_SHARE, keyframes=name == KEYFRAMES)
    p = share.p
    if name == KEYFRAMES and not pairs.at_keyframe.any():
        # every keyframe is known, so that none is surely none
        share, p = TestedInterval(0.0, 0.0, 0.0, share.n, share.clusters, p=1.0), 1.0
    specific, beyond, p_clips = TestedInterval.unknown(), TestedInterval.unknown(), float("nan")
    if name != KEYFRAMES:
        p, p_clips = p_value_of(pairs, name, level), p_value_of(pairs, name, level, clips=True)
        beyond = estimate(pairs, part, clips=True)
        if _holds_noise(name, level):
            # it is hardly ever below zero in a pair, so that signs alone would be too sure of a small share
            p = float(np.maximum(p, share.p))
    if level == "cause" and name in REPLAYED:
        specific = estimate(pairs, part, placebo=pairs.placebo[:, DIVIDED.index(name)])
    error = measurement_error(pairs, name, level)
    low, high = with_error(share.value, (share.low, share.high), error)
    mostly = pairs.flip & (part > 0.5 * (pairs.change + pairs.at_keyframe))
    return {
        "cause": name,
        "share": share.value,
        "low": low,
        "high": high,
        "pairs_low": share.low,
        "pairs_high": share.high,
        "beyond_low": beyond.low,
        "beyond_high": beyond.high,
        "specific": specific.value,
        "specific_low": specific.low,
        "specific_high": specific.high,
        "p": p,
        "p_clips": p_clips,
        "occurs": int(pairs.occurs(name, level).sum()),
        "flips_mostly": int(mostly.sum()),
        **_flips(pairs, name, level, shared["flips_all"]),
    }


def columns_of(name: str, level: Level = "cause") -> list[int]:
    """Return the columns of ``DIVIDED`` that a cause, a group or either of two groups holds."""
    wanted = MOTION if level == "either" else (name,)
    held = [cause if level == "cause" else CATALOGUE[cause].group for cause in DIVIDED]
    return [k for k, of in enumerate(held) if of in wanted]


def estimate(
    pairs: PairTable,
    part: np.ndarray,
    *,
    placebo: np.ndarray | None = None,
    floor: float = 0.0,
    keyframes: bool = False,
    clips: bool = False,
) -> TestedInterval:
    """Return the share of a part (n,) of the change, less that of placebos, with its interval.

    It is of this footage: pairs are drawn from it with known probabilities, and one that was sure to be drawn adds no
    error. With ``clips`` it is of footage like this: whole clips or parts are the units, of which there must be five.
    """
    less = np.zeros(len(part)) if placebo is None else placebo
    columns = np.column_stack([part, less, pairs.change, pairs.excess, pairs.at_keyframe])
    statistic = _of_keyframes if keyframes else _of_the_rest
    if not clips:
        left = 1 - 1 / np.maximum(pairs.weight, 1.0)
        return share_of_totals(columns, statistic, draws=len(part), floor=floor, left=left)
    count = int(pairs.footage.max(initial=-1)) + 1
    if count < FEWEST_CLUSTERS:
        return TestedInterval.unknown()
    totals = np.zeros((count, columns.shape[1]))
    np.add.at(totals, pairs.footage, columns)
    return share_of_totals(totals, statistic, draws=len(part), floor=floor)


def share_of_totals(
    totals: np.ndarray,
    statistic: RatioOfTotals,
    *,
    draws: int,
    floor: float = 0.0,
    left: np.ndarray | None = None,
) -> TestedInterval:
    """Return the ratio ``statistic`` of totals (G, columns), with an interval that trusts no normal.

    Degrees of freedom are as many as units carry the spread. Each end is moved as if one more of the
    ``draws`` pairs had been drawn (UNSEEN): else a share near zero would be called surely zero. ``left`` (G,) is the
    probability with which each unit might not have been drawn, by default 1: a unit that was sure to be drawn has no
    sampling error (Cochran 1977, section 9A.7), and where all were drawn there is no further pair. p asks about
    ``floor``.
    """
    count = len(totals)
    if not count:
        return TestedInterval.unknown()
    value = float(statistic(totals.sum(axis=0)))
    if count < 2 or not np.isfinite(value):
        return TestedInterval(value, np.nan, np.nan, draws, count)
    without = statistic(totals.sum(axis=0)[None] - totals)
    mean = without.mean(axis=0)
    part = np.ones(count) if left is None else left
    without = mean + np.sqrt(part) * (without - mean)
    error = float(jackknife_error(without))
    freedom = effective_freedom(influence(without)) if error > 0 else count - 1
    down, up = ((bound - value) * float(part.mean()) / (draws + 1) for bound in UNSEEN)
    down, up = min(down, 0.0), max(up, 0.0)
    # the units' own spread and that of one more pair, which is one draw like any other
    half = t_half_width(error, freedom)
    low, high = (float(np.hypot(half, t_half_width(step, count - 1))) for step in (down, up))
    below = float(np.hypot(error, down))
    p = (
        float(t_upper_tail((value + down - floor) / below, freedom))
        if below > 0
        else float(value <= floor)
    )
    return TestedInterval(value, value + down - low, value + up + high, draws, count, p=p)


def _of_keyframes(totals: np.ndarray) -> np.ndarray:
    change, excess, at_keyframe = (totals[..., k] for k in (2, 3, 4))
    return _ratio(excess, change + at_keyframe)


def _of_the_rest(totals: np.ndarray) -> np.ndarray:
    # a placebo that does the opposite is no reason to add to the right one
    part = totals[..., 0] - np.maximum(totals[..., 1], 0)
    return np.asarray(_ratio(part, totals[..., 2]) * (1 - _of_keyframes(totals)))


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    unknown = np.full(np.shape(under), np.nan)
    return np.asarray(np.divide(over, under, out=unknown, where=np.asarray(under) > 0))


def p_value_of(
    pairs: PairTable,
    cause: str,
    level: Level = "cause",
    *,
    clips: bool = False,
) -> float:
    """Return the one-sided p that a cause's share is not above SMALLEST_SHARE, nor above its placebos'.

    The signs of what each pair, or whole clip, adds beyond that are flipped at random.
    """
    if not pairs.change.sum() > 0:
        return float("nan")
    beyond = pairs.beyond(cause, level)
    if not clips:
        return sign_flip_p(beyond)
    sums = np.bincount(pairs.footage, weights=beyond)
    return sign_flip_p(sums) if len(sums) >= FEWEST_CLUSTERS else float("nan")


def too_few(pairs: PairTable, cause: str, level: Level, alpha: float) -> bool:
    """Say whether pairs speak for a cause, but too few weigh in to reach ``alpha`` with all signs alike.

    They count as (sum of |x|)^2 / sum of x^2 equal ones (Kish 1965).
    """
    beyond = pairs.beyond(cause, level) if pairs.change.sum() > 0 else np.zeros(0)
    if not beyond.sum() > 0:
        return False
    return 2.0 ** -(float(np.abs(beyond).sum()) ** 2 / float(np.square(beyond).sum())) > alpha


def measurement_error(pairs: PairTable, name: str, level: Level = "cause") -> Ends:
    """Return how far below and above a share the true one may lie, however many pairs there are.

    What a rule took from a remainder may be another's in part. Noise that is not seen where the picture is flat may be
    a motion or a blur that was not measured exactly. A cause may be all that its group could not divide. What could
    not be measured at all may be anybody's.
    """
    total = float(pairs.change.sum())
    if not total > 0 or name in (KEYFRAMES, NOT_MEASURED, UNDIVIDED[NOT_MEASURED]):
        return 0.0, 0.0
    ruled = OF_REMAINDER * np.abs(pairs.unsure.sum(axis=0)) / total
    hidden, ruled[DIVIDED.index(NOISE)] = ruled[DIVIDED.index(NOISE)] / OF_REMAINDER, 0.0
    mine = float(ruled[columns_of(name, level)].sum())
    if _holds_noise(name, level):
        below, above = hidden if _can_hide(pairs, DIVIDED) else 0.0, float(ruled.sum()) - mine
    else:
        held = [DIVIDED[k] for k in columns_of(name, level)]
        below, above = mine, hidden if _can_hide(pairs, held) else 0.0
    if level == "cause" and name != NOISE:
        undivided = pairs.part_of(UNDIVIDED[CATALOGUE[name].group]).sum() / total
        above = float(np.hypot(above, max(0.0, undivided)))
    lost, gained = _of_other_motion(pairs, name, level)
    below, above = float(np.hypot(below, lost / total)), float(np.hypot(above, gained / total))
    share = abs(float(pairs.part_of(name, level).sum())) / total
    least = float(np.interp(share, (0, LARGE), LEAST_ERRORS))
    if level == "cause" and name in (SHARPNESS.name, NOISE):
        lesser = min(abs(float(pairs.part_of(cause).sum())) for cause in (SHARPNESS.name, NOISE))
        least = float(np.hypot(least, OF_LESSER * lesser / total))
    unknown = max(0.0, float(pairs.part_of(NOT_MEASURED, "group").sum()) / total)
    return float(np.hypot(least, below)), float(np.hypot(least, above)) + unknown


def _holds_noise(name: str, level: Level) -> bool:
    return DIVIDED.index(NOISE) in columns_of(name, level)


def _can_hide(pairs: PairTable, causes: Sequence[str]) -> bool:
    """Whether these causes hold a motion or blur: what of it was measured badly looks like noise."""
    measured = pairs.measured.any(axis=0) | (pairs.unsure != 0).any(axis=0)
    names = (SHARPNESS.name, UNDIVIDED["moving"])
    hiding = [k for k, c in enumerate(DIVIDED) if CATALOGUE[c].moves or c in names]
    return any(bool(measured[k]) for k in hiding if DIVIDED[k] in causes)


def _of_other_motion(pairs: PairTable, name: str, level: Level) -> Ends:
    """How much of a part may be another group's, and of another's this one's: camera and what moves, or coding."""

    def lying(where: np.ndarray, held: Iterable[int]) -> float:
        return abs(float((where @ pairs.projection[:, list(held)]).sum()))

    columns, moving = columns_of(name, level), columns_of("moving", "group")
    group = name if level == "group" else CATALOGUE[name].group if level == "cause" else ""
    if _holds_noise(name, level):
        return 0.0, lying(pairs.slight, moving)
    below = lying(pairs.slight, {*columns} & {*moving})
    if group not in MOTION:
        return below, 0.0
    (other,) = {*MOTION} - {group}
    return below + lying(pairs.alone, columns), lying(pairs.alone, columns_of(other, "group"))


def with_error(share: float, over_pairs: Ends, error: Ends) -> Ends:
    """Return the ends of an interval over pairs, widened in quadrature."""
    (low, high), (below, above) = over_pairs, error
    return share - float(np.hypot(share - low, below)), share + float(np.hypot(high - share, above))


def _flips(pairs: PairTable, name: str, level: Level, total: int) -> dict[str, float]:
    """How many flips would not have happened without a cause: its steps lead the margin over the border."""
    flips = pairs.take(pairs.flip)
    if name == KEYFRAMES or not (flips.margin_past >= 0).any():
        return dict.fromkeys(("flips_due", "flips_at_most"), float("nan"))
    step = flips.margin_step[:, columns_of(name, level)].sum(axis=1)
    unknown = np.isnan(step) | np.isnan(flips.margin_past)
    due = ~unknown & (step > flips.margin_past)
    return {
        "flips_due": float(due.sum()),
        "flips_at_most": at_most(due, unknown, flips.weight, total),
    }


def at_most(seen: np.ndarray, unknown: np.ndarray, weight: np.ndarray, total: int) -> float:
    """Return the upper limit (95 %, one-sided) of how many of ``total`` flips a cause is necessary for.

    Flips beyond the sample have the limit of Clopper & Pearson (1934), with as many trials as the weights
    (k,) are worth (Kish 1965). Pairs not replayed count as necessary.
    """
    counted, beyond = seen | unknown, max(0, total - len(seen))
    known = float(counted.sum())
    if not beyond:
        return known
    if not len(seen):
        return float(total)
    trials = float(weight.sum() ** 2 / np.square(weight).sum())
    hits = float(weight[counted].sum() / weight.sum()) * trials
    upper = 1.0 if hits >= trials else float(special.betaincinv(hits + 1, trials - hits, LEVEL))
    return float(min(total, np.ceil(known + upper * beyond - 1e-9)))
