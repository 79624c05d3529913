"""What each model is sensitive to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture, mark, path, written
from vidrobust.report.glossary import family_order, phrase, saying
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.sensitivity.changes import WORTH_SAYING, Changes, Curve, Step, ranked
from vidrobust.stages.variation.spread import observed
from vidrobust.statistics.intervals import Interval
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.samples import narrower
from vidrobust.text.numbers import known, percent, percent_with_interval
from vidrobust.text.phrases import capital, listing, plural, span

MOST_SAID = 6
LARGER = 4  # a larger sample is one of so many times the frames
WORTH_MORE = 0.05  # less than this share of the width is not worth four times the time
COLUMNS = 4
# Of the figures, px: margins, a column, a name in the legend; and the gap between rows, in rows.
LEFT, RIGHT, ABOVE, BELOW = 62.0, 955.0, 55, 70
COLUMN_PX, LEGEND_PX, GAP = (RIGHT - LEFT) / COLUMNS, 185, 0.6
Place = Callable[[np.ndarray], np.ndarray]
# What an interval counts as independent, in words.
RESTS = {"part": "parts", "item": "clips", "stretch": "stretches of the footage"}
SHOWN = ("label_flip", "total_variation")


@dataclass(frozen=True)
class Sensitive:
    """The text on one model: sentences, harmless perturbations, the basis, and what has too few frames."""

    model: str
    sentences: list[str]
    harmless: str
    stands_on: str
    larger: str
    too_few: str = ""


@dataclass(frozen=True)
class Measured:
    """What the perturbations do to the classifiers of a run.

    ``table`` has value, low, high, n and clusters per model, perturbation, strength and metric; ``narrower`` is
    the width of the interval with LARGER times as many frames per cluster, over the present one. ``curves`` has
    those of the flips by model.
    """

    table: pd.DataFrame
    curves: Mapping[str, list[Curve]]


def summary(run: RunTables) -> Measured | None:
    """Return what the perturbations do; None where none was tried on a classifier."""
    table = run.table("sensitivity")
    if table is None:
        return None
    rows, curves = [], {}
    for model, of_model in table[table["metric"].isin(SHOWN)].groupby("model", sort=False):
        for metric in SHOWN:
            changes = Changes(of_model, (metric,), run.record.parts)
            if metric == "label_flip":
                curves[str(model)] = changes.curves()
            for name, strength, at in changes.by_strength():
                found = changes.share(at) if metric == "label_flip" else changes.mean(at)
                values = changes.table["value"].to_numpy(np.float64)[at]
                narrow = narrower(values, changes.clusters.of(at).label, LARGER)
                key = {"model": model, "perturbation": name, "strength": strength, "metric": metric}
                rows.append(key | asdict(found) | {"narrower": narrow})
    return Measured(pd.DataFrame(rows), curves) if rows else None


def observed_sizes(run: RunTables) -> dict[tuple[str, str], float]:
    """Return (model, perturbation) -> how far the footage itself goes, as a strength."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    spread, widths = (
        run.table("spread"),
        [entry.width for entry in run.record.inputs if entry.width],
    )
    if spread is None or not widths:
        return {}
    found = {}
    width, nothing = (
        float(sorted(widths)[len(widths) // 2]),
        pd.DataFrame({"strength": [], "weight": []}),
    )
    for name, entry in ((n, e) for n, e in PERTURBATIONS.items() if e.condition):
        seen = observed(entry, spread, nothing, width)
        size = seen.px if entry.is_length else seen.size
        if known(size) and size > 0:
            found.update({(model, name): size for model in run.models})
    return found


def in_words(run: RunTables, found: Measured | None) -> list[Sensitive]:
    """Return the smallest changes that flip a noticeable share of frames, most sensitive first."""
    if found is None:
        return []
    observed = observed_sizes(run)
    flips = found.table[found.table["metric"] == "label_flip"]
    return [
        _of_model(model, curves, flips[flips["model"] == model], observed)
        for model, curves in found.curves.items()
    ]


def _of_model(
    model: str,
    curves: Sequence[Curve],
    flips: pd.DataFrame,
    observed: Mapping[tuple[str, str], float],
) -> Sensitive:
    order = ranked(curves)
    harmless = [
        f"{phrase(curve.perturbation).noun} (at most {percent(max(s.share.high for s in curve.pools))})"
        for curve in curves
        if curve.pools and curve not in order
    ]
    one = flips.iloc[0]
    return Sensitive(
        model=model,
        sentences=[
            _sentence(each, observed.get((model, each.perturbation))) for each in order[:MOST_SAID]
        ],
        harmless=listing(harmless, 10),
        stands_on=f"{span(flips['n'])} frames a strength"
        + (
            f" from {plural(int(one['clusters']), one['cluster'])}"
            if one["cluster"] != "stretch"
            else ""
        ),
        larger=_larger(flips),
        too_few=listing((phrase(c.perturbation).noun for c in curves if not c.pools), 10),
    )


def _larger(flips: pd.DataFrame) -> str:
    known_ones = flips["narrower"].dropna()
    if not len(known_ones):
        return ""
    gain = 1 - float(known_ones.median())
    rest = RESTS[flips["cluster"].iloc[0]]
    if gain < WORTH_MORE:
        return f"More frames of this footage would hardly make the intervals narrower; more {rest} would."
    return (
        f"With {LARGER} times as many frames (--frames) the interval of the middle curve would be about "
        f"{percent(gain)} narrower; the rest is how much the {rest} differ."
    )


def subject(perturbation: str, step: Step) -> str:
    """The strengths of a step as the subject of a sentence."""
    mildest = saying(perturbation, step.strengths[0])
    if len(step.strengths) == 1:
        return mildest
    return f"{mildest} or stronger ({len(step.strengths)} strengths together)"


def _sentence(curve: Curve, seen: float | None) -> str:
    assert curve.first is not None
    share = curve.first.share
    text = (
        f"{capital(subject(curve.perturbation, curve.first))} flips the label of {_share(share)} of the frames "
        f"(n = {share.n})."
    )
    if seen is not None and known(seen):
        text += f" Your footage itself varies by {saying(curve.perturbation, seen)}."
    return text


def _share(share: Interval) -> str:
    return percent_with_interval(share.value, share.low, share.high)


def rows(found: Measured | None) -> list[dict[str, object]]:
    """Return a row per perturbation and strength for the details."""
    if found is None:
        return []
    both = found.table.pivot_table(
        index=["model", "perturbation", "strength"],
        columns="metric",
        values=["value", "low", "high", "n"],
        sort=False,
    )
    place = {key: k for k, key in enumerate(dict.fromkeys((m, p) for m, p, _ in both.index))}
    both = both.loc[sorted(both.index, key=lambda key: (place[key[:2]], key[2]))]
    result: list[dict[str, object]] = []
    for (model, perturbation, strength), row in both.iterrows():
        said = saying(str(perturbation), float(strength))
        entry: dict[str, object] = {"model": model, "perturbation": perturbation, "said": said}
        for metric in SHOWN:
            value, low, high = (
                row.get((name, metric), math.nan) for name in ("value", "low", "high")
            )
            few = not row.get(("n", metric), 0) >= FEWEST_ROWS
            entry[metric] = "too few frames" if few else percent_with_interval(value, low, high)
        entry["n"] = int(row.get(("n", "label_flip"), 0) or 0)
        result.append(entry)
    return result


def curves(run: RunTables, found: Measured | None) -> list[Picture]:
    """Draw flips and total variation against strength, one figure per family."""
    if found is None:
        return []
    observed = observed_sizes(run)
    names = list(found.table["perturbation"].drop_duplicates())
    families = {name: phrase(name).family for name in names}
    known_order = [*family_order(), *families.values()]
    order = sorted(set(families.values()), key=known_order.index)
    largest = 100 * float(found.table[["value", "high"]].max().max())
    top = next((top for top in (10.0, 25.0, 50.0) if largest <= top), 102.0)
    return [
        _family_figure(
            found, family, [n for n in names if families[n] == family], run.models, observed, top
        )
        for family in order
    ]


def _family_figure(
    found: Measured,
    family: str,
    names: list[str],
    models: list[str],
    observed: Mapping[tuple[str, str], float],
    top: float,
) -> Picture:
    blocks = [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)]
    height = 350 * len(blocks) + 30
    tall = (height - ABOVE - BELOW) / (2 * len(blocks) + GAP * (2 * len(blocks) - 1))
    parts = [written(10, 20, _finding(family, found, names), "start", drawing.TITLE)]
    for k, model in enumerate(models if len(models) > 1 else []):
        x, y = (
            RIGHT - LEGEND_PX * (min(len(models), COLUMNS) - k % COLUMNS),
            36.0 + 14 * (k // COLUMNS),
        )
        parts += [mark(x, y - 4, k), written(x + 10, y, model, "start")]
    for row in range(2 * len(blocks)):
        m, begin = row % 2, ABOVE + row * tall * (1 + GAP)
        end = begin + tall
        for tick in np.arange(0, top + 1e-9, drawing.tick_step(top)):
            y = end - tall * tick / top
            parts += [
                path(LEFT, y, f"H{RIGHT}", drawing.LIGHT),
                written(LEFT - 6, y + 4, f"{tick:g}", "end"),
            ]
        for c, name in enumerate(blocks[row // 2]):
            table = found.table
            of = table[(table["perturbation"] == name) & (table["metric"] == SHOWN[m])]
            strengths = np.unique(of["strength"].to_numpy(np.float64))
            seen = [observed[model, name] for model in models if (model, name) in observed]
            place, band = _limits(c, strengths, seen)
            if band is not None:
                shape = f"H{band[1]:.1f}v{tall:.1f}H{band[0]:.1f}z"
                parts.append(path(band[0], begin, shape, "none", fill=f"{drawing.LIGHT}99"))
            parts += _curves(of, models, place, end, tall / top)
            middle, left = LEFT + (c + 0.5) * COLUMN_PX, LEFT + c * COLUMN_PX
            parts += [path(left, begin, f"v{tall:.1f}"), path(left, end, f"h{COLUMN_PX}")]
            y, text = ((begin - 5, phrase(name).noun), (end + 32, phrase(name).unit))[m]
            parts.append(written(middle, y, text))
            for x, s in zip(place(strengths), strengths if m else (), strict=False):
                parts += [path(x, end, "v4"), written(x, end + 15, f"{s:g}")]
        says, middle = ("frames flipped, %", "probability moved, %")[m], begin + tall / 2
        parts.append(written(18, middle, says, more=drawing.turned(18, middle)))
    one = found.table[found.table["perturbation"].isin(names)]
    what = RESTS[one["cluster"].iloc[0]]
    caption = (
        f"{family.capitalize()}: what a synthetic change does to the output, against its strength. "
        "Above, the share of frames whose label flips; below, the mean total variation. n = "
        f"{span(one['n'])} frames a point; bars are 95 % intervals over {what}."
    )
    if any(name in {p for _, p in observed} for name in names):
        caption += " Grey band: up to the 99th percentile of what the footage does between neighbouring frames."
    alt = f"Sensitivity to {family}: {listing(phrase(n).noun for n in names)}"
    return drawing.by_hand(parts, height, alt, caption)


def _finding(family: str, found: Measured, names: list[str]) -> str:
    of_family = {
        model: [curve for curve in curves if curve.perturbation in names]
        for model, curves in found.curves.items()
    }
    if not any(curve.pools for curves in of_family.values() for curve in curves):
        return f"{family.capitalize()}: too few frames to say (at least {FEWEST_ROWS} needed)"
    leading = [(ranked(curves)[:1], model) for model, curves in of_family.items()]
    leading = [(first, model) for first, model in leading if first]
    if not leading:
        return f"{family.capitalize()}: nothing tried flips {percent(WORTH_SAYING)} of the frames"
    (first,), model = min(leading, key=lambda each: each[0][0].milder)
    assert first.first is not None
    said = f"{subject(first.perturbation, first.first)} flips {_share(first.first.share)}"
    of = f" of {model}'s frames" if len(of_family) > 1 else " of the frames"
    return f"{family.capitalize()}: {said}{of}"


def _curves(of: pd.DataFrame, models: list[str], place: Place, end: float, px: float) -> list[str]:
    parts = []
    for k, model in enumerate(models):
        rows = of[of["model"] == model].sort_values("strength")
        rows = rows[rows["value"].notna()]
        colour = drawing.COLOURS[k % len(drawing.COLOURS)]
        x = place(rows["strength"].to_numpy(np.float64))
        value, low, high = (
            end - 100 * px * rows[name].to_numpy(np.float64) for name in ("value", "low", "high")
        )
        at = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, value, strict=True))
        parts.append(f"<polyline points='{at}' stroke='{colour}' stroke-width='1.8' fill='none'/>")
        for a, b, bottom, above in zip(x, value, low, high, strict=True):
            if known(bottom) and known(above):
                parts.append(path(a, bottom, f"V{above:.1f}", colour))
            parts.append(mark(a, b, k))
    return parts


def _limits(
    column: int, strengths: np.ndarray, seen: list[float]
) -> tuple[Place, np.ndarray | None]:
    """Return where strengths lie in a column, px, and the ends of the footage's band."""
    scale = np.log if len(strengths) > 1 and strengths[0] > 0 else np.asarray
    ends, shown = strengths[[0, -1]] + [-0.5, 0.5], []
    if scale is np.log:
        shown = [size for size in seen if size > strengths[0] / 10]
        ends = np.array(
            [min([strengths[0] / 1.35, *(size / 1.6 for size in shown)]), strengths[-1] * 1.35]
        )
    left, right = scale(ends)

    def place(strength: np.ndarray) -> np.ndarray:
        share = (scale(strength) - left) / (right - left)
        return np.asarray(LEFT + COLUMN_PX * (column + 0.05 + 0.9 * share))

    return place, place(np.array([ends[0], min(max(shown), ends[1])])) if shown else None
