"""What each model is sensitive to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.report.glossary import phrase, saying
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.sensitivity.changes import Changes, CurveStep, SensitivityCurve, ranked
from vidrobust.stages.variation.spread import observed
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, percent, percent_with_interval
from vidrobust.text.phrases import capital, listing, plural, span

MOST_SAID = 6
MOST_CURVES = 15  # perturbations drawn among the details
COLUMNS, NARROW_COLUMNS = 5, 2  # of the small curves, on a screen and on a telephone
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
    too_few: str = ""


@dataclass(frozen=True)
class SensitivityTable:
    """What the perturbations do to the classifiers of a run.

    ``table`` has value, low, high, n and clusters per model, perturbation, strength and metric; ``curves`` has
    those of the flips by model.
    """

    table: pd.DataFrame
    curves: Mapping[str, list[SensitivityCurve]]


def summary(run: RunTables) -> SensitivityTable | None:
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
                effect = changes.share(at) if metric == "label_flip" else changes.mean(at)
                key = {"model": model, "perturbation": name, "strength": strength, "metric": metric}
                rows.append(key | asdict(effect))
    return SensitivityTable(pd.DataFrame(rows), curves) if rows else None


def observed_sizes(run: RunTables) -> dict[tuple[str, str], float]:
    """Return (model, perturbation) -> how far the footage itself goes, as a strength."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    spread, widths = (
        run.table("spread"),
        [entry.width for entry in run.record.inputs if entry.width],
    )
    if spread is None or not widths:
        return {}
    sizes = {}
    width, nothing = (
        float(sorted(widths)[len(widths) // 2]),
        pd.DataFrame({"strength": [], "weight": []}),
    )
    for name, entry in ((n, e) for n, e in PERTURBATIONS.items() if e.condition):
        seen = observed(entry, spread, nothing, width)
        size = seen.px if entry.is_length else seen.size
        if known(size) and size > 0:
            sizes.update({(model, name): size for model in run.models})
    return sizes


def in_words(run: RunTables, table: SensitivityTable | None) -> list[Sensitive]:
    """Return the smallest changes that flip a noticeable share of frames, most sensitive first."""
    if table is None:
        return []
    observed = observed_sizes(run)
    flips = table.table[table.table["metric"] == "label_flip"]
    return [
        _of_model(model, curves, flips[flips["model"] == model], observed)
        for model, curves in table.curves.items()
    ]


def _of_model(
    model: str,
    curves: Sequence[SensitivityCurve],
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
        too_few=listing((phrase(c.perturbation).noun for c in curves if not c.pools), 10),
    )


def subject(perturbation: str, step: CurveStep) -> str:
    """The strengths of a step as the subject of a sentence."""
    text, together = saying(perturbation, *step.strengths), len(step.strengths)
    return text if together == 1 else f"{text} ({together} strengths together)"


def _sentence(curve: SensitivityCurve, seen: float | None) -> str:
    assert curve.first is not None
    share = curve.first.share
    text = (
        f"{capital(subject(curve.perturbation, curve.first))} flips the label of "
        f"{percent_with_interval(share.value, share.low, share.high)} of the frames (n = {share.n})."
    )
    if seen is not None and known(seen):
        text += f" Your footage itself varies by {saying(curve.perturbation, seen)}."
    return text


def rows(table: SensitivityTable | None) -> list[dict[str, object]]:
    """Return a row per perturbation and strength for the details."""
    if table is None:
        return []
    both = table.table.pivot_table(
        index=["model", "perturbation", "strength"],
        columns="metric",
        values=["value", "low", "high", "n"],
        sort=False,
    )
    place = {key: k for k, key in enumerate(dict.fromkeys((m, p) for m, p, _ in both.index))}
    both = both.loc[sorted(both.index, key=lambda key: (place[key[:2]], key[2]))]
    result: list[dict[str, object]] = []
    for (model, perturbation, strength), row in both.iterrows():
        text = saying(str(perturbation), float(strength))
        entry: dict[str, object] = {"model": model, "perturbation": perturbation, "said": text}
        for metric in SHOWN:
            value, low, high = (
                row.get((name, metric), math.nan) for name in ("value", "low", "high")
            )
            few = not row.get(("n", metric), 0) >= FEWEST_ROWS
            entry[metric] = "too few frames" if few else percent_with_interval(value, low, high)
        entry["n"] = int(row.get(("n", "label_flip"), 0) or 0)
        result.append(entry)
    return result


def curves(run: RunTables, table: SensitivityTable | None) -> list[Picture]:
    """Draw the perturbations to which the models are most sensitive; all of them are in the table."""
    if table is None:
        return []
    others = [str(name) for name in table.table["perturbation"].drop_duplicates()]
    names = list(dict.fromkeys([*_most_sensitive(table), *others]))[:MOST_CURVES]
    return [_small_curves(run, table.table, names, drawing.WIDTH_IN)]


def leading_curves(run: RunTables, table: SensitivityTable | None) -> Picture | None:
    """Draw the five to which the models are most sensitive, in small."""
    names = [] if table is None else _most_sensitive(table)[:COLUMNS]
    if table is None or not names:
        return None
    return drawing.in_both_widths(lambda wide: _small_curves(run, table.table, names, wide))


def _most_sensitive(table: SensitivityTable) -> list[str]:
    """Return the perturbations that flip a noticeable share of the frames of any model, the mildest first."""
    leading = ranked([curve for curves in table.curves.values() for curve in curves])
    return list(dict.fromkeys(curve.perturbation for curve in leading))


def _small_curves(
    run: RunTables, found: pd.DataFrame, names: list[str], width_in: float
) -> Picture:
    columns = COLUMNS if width_in > drawing.NARROW_IN else NARROW_COLUMNS
    rows, seen = -(-len(names) // columns), observed_sizes(run)
    flips = found[(found["metric"] == "label_flip") & found["perturbation"].isin(names)]
    largest = 100 * float(flips[["value", "high"]].max().max())
    top = next((top for top in (10.0, 25.0, 50.0) if largest <= top), 104.0)
    with drawing.styled():
        figure, axes = drawing.panels(
            rows, columns, 1.35 * rows + 0.15, width_in=width_in, sharey=True
        )
        for place, axis in enumerate(axes.flat):
            if place >= len(names):
                axis.set_axis_off()
                continue
            name = names[place]
            sizes = [seen[model, name] for model in run.models if (model, name) in seen]
            _curve(axis, flips[flips["perturbation"] == name], run.models, max(sizes, default=None))
            axis.set_title(phrase(name).noun, fontsize=8)
            axis.set_xlabel(phrase(name).unit, fontsize=7.5)
            axis.set_ylim(0, top)
        for axis in axes[:, 0]:
            axis.set_ylabel("flipped, %", fontsize=7.5)
        if len(run.models) > 1:
            figure.legend(
                *axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=4
            )
        caption = (
            f"Share of frames whose label flips, by the strength of a synthetic change. n = {span(flips['n'])} "
            f"frames a point; bars are 95 % intervals over {RESTS[flips['cluster'].iloc[0]]}."
        )
        if any(name in names for _, name in seen):
            caption += (
                " Dashed: the 99th percentile of what the footage does between neighbouring frames."
            )
        alt = f"Sensitivity to {listing((phrase(name).noun for name in names), 8)}"
        return drawing.encode(figure, alt, caption)


def _curve(axis: drawing.Axes, of: pd.DataFrame, models: list[str], seen: float | None) -> None:
    for k, model in enumerate(models):
        rows = of[(of["model"] == model) & of["value"].notna()].sort_values("strength")
        colour = drawing.COLOURS[k % len(drawing.COLOURS)]
        x, value, low, high = (
            rows[name].to_numpy(np.float64) for name in ("strength", "value", "low", "high")
        )
        marker = drawing.MARKERS[k % len(drawing.MARKERS)]
        axis.plot(
            x, 100 * value, f"{marker}-", color=colour, markersize=3.5, linewidth=1.4, label=model
        )
        axis.vlines(x, 100 * low, 100 * high, color=colour, linewidth=1)
    strengths = np.unique(of["strength"].to_numpy(np.float64))
    if len(strengths) > 1 and strengths[0] > 0:
        axis.set_xscale("log")
        axis.minorticks_off()
    axis.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
    if seen is not None and len(strengths) > 1 and strengths[0] <= seen <= strengths[-1]:
        axis.axvline(seen, color=drawing.GREY, linestyle="--", linewidth=1)
