"""Which causes are named, whether each finding is made again on other footage, and the stage's tables.

Keyframes are tested apart. Between the two frames of one nothing can be replayed, but the change can be
compared with that of the pairs beside it, and the same places moved along the clip show what chance does::

    change   . . 1 2 1 . . . 9 . . 1 .        excess at a place = its change - mean of the two beside it
    keyframe                 ^
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from vidrobust.metrics.catalogue import ACCOUNTS
from vidrobust.metrics.metric import usable_pairs
from vidrobust.pipeline.run import OpenRun
from vidrobust.pipeline.stage import Look
from vidrobust.run_folder.reader import with_parts
from vidrobust.stages.causes.catalogue import (
    CATALOGUE,
    KEYFRAMES,
    NOT_MEASURED,
    UNDIVIDED,
)
from vidrobust.stages.causes.shares import (
    ADJACENT,
    SECOND,
    SMALLEST_SHARE,
    Level,
    PairTable,
    over_a_second,
    p_value_of,
    summarise,
    summarise_by,
    too_few,
)
from vidrobust.statistics.levels import ALPHA, FALSE_DISCOVERY
from vidrobust.statistics.significance import CONSERVATIVE, benjamini_hochberg, discard_conservative
from vidrobust.tables import schema as tables

# Causes that may be named from pairs a second apart: slow drifts hardly show between neighbours. Over a
# second all else moves, and keyframes lie between.
SLOW = tuple(name for name, cause in CATALOGUE.items() if cause.drifts)
FEWEST_REPEATED = 5  # fewest pairs with which a finding can be made again: of four all signs alike have p = 1 / 16
# Level at which footage that did not make a finding makes it again; that is a part of the footage, with fewer
# pairs.
AGAIN = 0.1
CLIPS, LATER = "clips", "later half of the footage"
MATTERS = 0.1  # a share that is surely below this needs no further pairs
# nor one that may be below the smallest share named, with an interval no wider than this
KNOWN = 0.15
COLUMNS = (
    "model",
    "level",
    "group",
    "cause",
    "scale",
    "share",
    "low",
    "high",
    "p",
    "p_clips",
    "q",
    "pairs",
)
KEY = ["model", "level", "cause"]  # columns that identify a finding
REPLICATION = ("replication", "replication_found", "replication_tested", "replication_of")


def conclude(run: OpenRun, looks: Sequence[Look]) -> None:
    """Write the account, of the last look; a cause named at an earlier look stays named."""
    for prefix in ACCOUNTS:
        rows = with_parts(run.table(f"{prefix}causes"), run.folder.record.parts)
        written = {name: tables.empty(name) for name in ("account", "account_by", "named")}
        if len(rows):
            keyframes = None if prefix else _keyframe_tests(run)
            pairs = run.table("pairs")
            flips = flip_counts(pairs) if len(pairs) else None
            written["account"] = summarise(rows, keyframes=keyframes, flips=flips)
            written["account_by"] = summarise_by(rows)
            before = [(look, look.tables[f"{prefix}causes"]) for look in looks[:-1]]
            earlier = [
                _look(look.part, causes, keyframes) for look, causes in before if len(causes)
            ]
            last = AccountLook(
                part=looks[-1].part,
                account=written["account"],
                slow=over_a_second(written["account_by"]),
            )
            written["named"] = replicated(rows, named_at([*earlier, last]))
        for name, table in written.items():
            run.folder.write_table(f"{prefix}{name}", table)


def _keyframe_tests(run: OpenRun) -> dict[str, float]:
    pairs = run.table("pairs")
    near = pairs[pairs["kind"] == "adjacent"]
    transitions = run.table("transitions")[["item", "frame", "keyframe"]].rename(
        columns={"frame": "frame_b"}
    )
    return keyframe_tests(near.merge(transitions, on=["item", "frame_b"], how="left"))


def keyframe_tests(pairs: pd.DataFrame) -> dict[str, float]:
    """Return per model the p-value of its keyframes, over its clips by Fisher's method."""
    by_model: dict[str, float] = {}
    for model, of_model in pairs.groupby("model", sort=False):
        tests = []
        for _, rows in of_model.sort_values("frame_a").groupby("item", sort=False):
            square = np.where(
                rows["excluded"] == "", rows["total_variation"].to_numpy(float) ** 2, np.nan
            )
            tests.append(place_test(square, rows["keyframe"].to_numpy(bool)))
        known = [p for p in tests if np.isfinite(p)]
        if known:
            by_model[str(model)] = float(special.chdtrc(2 * len(known), -2 * np.log(known).sum()))
    return by_model


def place_test(change: np.ndarray, keyframe: np.ndarray, *, share: float = SMALLEST_SHARE) -> float:
    """Return the one-sided p-value that the excess at the keyframes is not above a share of all change.

    All keyframes are moved together by every number of places, round the clip. ``change`` (n,) is the squared
    change of each adjacent pair, NaN where excluded; ``keyframe`` (n,) is at the second frame, and no cut.
    """
    keyframe = keyframe & np.isfinite(change)
    if not keyframe.any() or len(change) < 4:
        return float("nan")
    known = np.where(np.isfinite(change), change, 0.0)
    excess = np.nan_to_num(excess_at(change))
    moved = np.array([excess[np.roll(keyframe, by)].sum() for by in range(1, len(change))])
    wanted = excess[keyframe].sum() - share * known.sum()
    return float((1 + (moved >= wanted).sum()) / (1 + len(moved)))


def excess_at(change: np.ndarray) -> np.ndarray:
    """Return each pair's change less the mean of the pairs beside it, (n,); NaN where none is known."""
    padded = np.concatenate([[np.nan], change, [np.nan]])
    beside = np.stack([padded[:-2], padded[2:]])
    known = np.isfinite(beside)
    count = known.sum(axis=0)
    mean = np.where(known, beside, 0.0).sum(axis=0) / np.where(count > 0, count, 1)
    return np.asarray(np.where(count > 0, change - mean, np.nan))


def flip_counts(pairs: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Count the flips between neighbours by (model, item); "" is all items."""
    sums = usable_pairs(pairs).groupby(["model", "item"], sort=False)["label_flip"].sum()
    counts = {(str(model), str(item)): int(count) for (model, item), count in sums.items()}
    for (model, _), count in list(counts.items()):
        counts[model, ""] = counts.get((model, ""), 0) + count
    return counts


@dataclass(frozen=True, kw_only=True)
class AccountLook:
    """The account as it was looked at."""

    part: float  # Share of all pairs asked for that were replayed
    # account, slow: The table ``account``, and the same of pairs a second apart
    account: pd.DataFrame
    slow: pd.DataFrame

    @property
    def size(self) -> int:
        """Pairs that count."""
        return int(self.account["n"].sum())


def _look(part: float, causes: pd.DataFrame, keyframes: Mapping[str, float] | None) -> AccountLook:
    account = summarise(causes, per_item=False, keyframes=keyframes)
    return AccountLook(part=part, account=account, slow=over_a_second(summarise_by(causes)))


def named(account: pd.DataFrame, slow: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the causes that a study names from one look at all of its pairs."""
    return named_at(
        [AccountLook(part=1.0, account=account, slow=account[:0] if slow is None else slow)]
    )


def named_at(looks: Sequence[AccountLook]) -> pd.DataFrame:
    """Return the causes named at any of the looks whose intervals, as of the last one, lie above 0.

    Each look may spend what was not spent before, so that the rates add up to FALSE_DISCOVERY at most.
    """
    parts: list[pd.DataFrame] = []
    before, level, size = 0.0, 0.0, -1
    for look in looks:
        now = spent(look.part)
        level = now - before + (level if look.size == size else 0.0)
        before, size = now, look.size
        parts.append(_significant(look.account, look.slow, level))
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(KEY)
    last = looks[-1].account
    whole = pd.concat([last.assign(scale=ADJACENT), looks[-1].slow.assign(scale=SECOND)])
    whole = whole[whole["item"] == ""].set_index([*KEY, "scale"])[["share", "low", "high"]]
    now_known = whole.reindex(pd.MultiIndex.from_frame(rows[[*KEY, "scale"]]))
    rows = rows.assign(**{name: now_known[name].to_numpy() for name in whole})[list(COLUMNS)]
    # a share that may be all error of the measurement is no finding, however many pairs show it, and neither is a part
    # of such a share
    of_group = rows.assign(level="group", cause=rows["group"])[[*KEY, "scale"]]
    group_low = whole["low"].reindex(pd.MultiIndex.from_frame(of_group)).to_numpy()
    # nor one that what could not be measured may outweigh
    unknown = np.maximum(rows["model"].map(_not_measured(last)).fillna(0).to_numpy(float), 0)
    none = (rows["low"] <= unknown) | ((rows["level"] == "cause") & (group_low <= unknown))
    none &= (rows["cause"] != KEYFRAMES) | (rows["low"] <= 0)
    return rows[~none].reset_index(drop=True)


def _not_measured(account: pd.DataFrame) -> dict[str, float]:
    """Return by model the share of the change whose pairs could not be measured."""
    rows = account[(account["item"] == "") & (account["cause"] == NOT_MEASURED)]
    return dict(zip(rows["model"].astype(str), rows["share"], strict=True))


def spent(part: float) -> float:
    """Return how much of the error rate may have been spent when so large a part of the pairs was replayed.

    FALSE_DISCOVERY part^2: little at first, so that what is left for all pairs costs little power (Kim &
    DeMets, Biometrika 74 (1987), 149-154, with rho = 2).
    """
    return FALSE_DISCOVERY * part**2


def _significant(account: pd.DataFrame, slow: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the causes that are significant at one look; q is in units of FALSE_DISCOVERY.

    Causes with p above .5 are discarded (Zhao, Small & Su 2019); over the rest, all models together, the false
    discovery rate ``level`` is held (Benjamini & Hochberg 1995). A drift may be named from ``slow``, pairs a
    second apart. The keyframes' p depends on no sample and is held against 5 % at each look.
    """
    asked = account.assign(scale=ADJACENT)
    drifts = slow[(slow["level"] == "cause") & slow["cause"].isin(SLOW)]
    if len(drifts):
        asked = pd.concat([asked, drifts.assign(scale=SECOND)], ignore_index=True)
    asked = asked[_may_be_named(asked)]
    p = discard_conservative(asked["p"].to_numpy(float))
    p = np.where(asked["cause"] == KEYFRAMES, p * level / FALSE_DISCOVERY, p)
    q = np.full(len(p), np.nan)
    q[np.isfinite(p)] = benjamini_hochberg(p[np.isfinite(p)]) * FALSE_DISCOVERY / level
    rows = asked.assign(q=q, pairs=asked["n"])[q <= FALSE_DISCOVERY]
    rows = rows.drop_duplicates(KEY)  # neighbours come first
    return rows[list(COLUMNS)].reset_index(drop=True)


def _may_be_named(account: pd.DataFrame) -> pd.Series:
    there = (account["item"] == "") & account["p"].notna() & (account["occurs"] > 0)
    # keyframes are a group of one
    there &= (account["level"] == "group") | (account["cause"] != KEYFRAMES)
    return there & ~account["cause"].isin((NOT_MEASURED, *UNDIVIDED.values()))


def replicated(causes: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Add to ``named`` whether each finding is made again on footage that did not make it.

    Each clip with five pairs or more is left out in turn. Where the others alone make the finding (p <= .05)
    it is tested on that clip, and made again where p <= .1. With fewer than two such clips the earlier half
    of all pairs makes it and the later half tests it. Not tested is what the rest does not find, or where too
    few pairs weigh in.
    """
    rows = []
    for row in named.to_dict("records"):
        mine = causes[(causes["model"] == row["model"]) & (causes["scale"] == row["scale"])]
        rows.append(_again(PairTable.of(mine), str(row["cause"]), row["level"]))
    table = pd.DataFrame(rows, columns=list(REPLICATION), index=named.index)
    return pd.concat([named, table], axis=1)


def _again(pairs: PairTable, cause: str, level: Level) -> dict[str, Any]:
    of, tests = CLIPS, list(_by_clip(pairs))
    if len(tests) < 2:
        of, tests = LATER, list(_by_time(pairs))
    # keyframes are few and their places known; they are not asked
    if not tests or cause == KEYFRAMES:
        return dict(zip(REPLICATION, (float("nan"), 0, 0, ""), strict=True))
    made = [
        made
        for made in tests
        if p_value_of(pairs.take(made), cause, level) <= ALPHA
        and not too_few(pairs.take(~made), cause, level, AGAIN)
    ]
    if not made:
        return dict(zip(REPLICATION, (float("nan"), 0, 0, of), strict=True))
    again = [p_value_of(pairs.take(~mask), cause, level) <= AGAIN for mask in made]
    return dict(zip(REPLICATION, (float(np.mean(again)), sum(again), len(again), of), strict=True))


def _by_clip(pairs: PairTable) -> Iterator[np.ndarray]:
    """The pairs that make the finding, (n,) bool: all but those of one clip, or of one part."""
    for code in np.unique(pairs.footage):
        here = pairs.footage == code
        if here.sum() >= FEWEST_REPEATED and (~here).sum() >= FEWEST_REPEATED:
            yield ~here


def _by_time(pairs: PairTable) -> Iterator[np.ndarray]:
    order = np.lexsort((pairs.frame, pairs.item))
    early = np.zeros(len(order), bool)
    early[order[: len(order) // 2]] = True
    if early.sum() >= FEWEST_REPEATED and (~early).sum() >= FEWEST_REPEATED:
        yield early


def undecided(run: OpenRun) -> bool:
    """Say whether more pairs may tell: of a cause that is open, or a named one that could not be found again."""
    for prefix in ACCOUNTS:
        rows = run.table(f"{prefix}named")
        untested = (rows["cause"] != KEYFRAMES) & (rows["replication_tested"] == 0)
        if untested.any() or open_causes(run.table(f"{prefix}account"), rows).any():
            return True
    return False


def open_causes(account: pd.DataFrame, named: pd.DataFrame) -> pd.Series:
    """Return groups that more pairs might decide: p <= 1/2, not named, not surely small and not well known.

    What could not be measured is never named; it is known where it is surely there, and else more pairs tell.
    """
    names = pd.MultiIndex.from_frame(account[KEY])
    unnamed = ~names.isin(pd.MultiIndex.from_frame(named[KEY]))
    asked = _may_be_named(account) & (account["level"] == "group") & (account["cause"] != KEYFRAMES)
    # pairs settle nothing but their own error
    low, high = (account["pairs_low"], account["pairs_high"])
    settled = (high <= MATTERS) | ((low <= SMALLEST_SHARE) & (high - low <= KNOWN))
    settled |= (low > SMALLEST_SHARE) & (account["low"] <= 0)
    unmeasured = (account["item"] == "") & (account["cause"] == NOT_MEASURED)
    settled |= unmeasured & (low > SMALLEST_SHARE)
    asked |= unmeasured & (account["level"] == "group") & account["p"].notna()
    return asked & unnamed & (account["p"] <= CONSERVATIVE) & ~settled
