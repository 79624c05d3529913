"""Two run folders compared, by metric, and by right and wrong frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vidrobust.accuracy.answers import two_models
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.comparison import MARGIN
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.metric import ANCHOR_DELTAS, Metric
from vidrobust.plugins.comparison.agreement import Agreement, box_counts
from vidrobust.plugins.comparison.compare_metrics import (
    ENOUGH,
    SHORTEST_S,
    Compared,
    Paired,
    compare_metrics,
    nothing_compared,
    paired_rows,
    rows_along_tracks,
    undecided,
)
from vidrobust.plugins.comparison.compare_sides import (
    Side,
    agreement_of,
    differing_steps,
    precision_differences,
    sides_of,
    with_p,
)
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.gates import Gate, Passage, pass_gates
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.levels import FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.ratios import Undecided
from vidrobust.text.numbers import (
    known,
    number,
    percent,
    points_with_interval,
    with_interval,
)
from vidrobust.text.phrases import listing

# Columns that say which rows of a raw table belong together, where they are there.
KEYS = (
    "item",
    "frame",
    "frame_a",
    "frame_b",
    "track",
    "kind",
    "delta_frames",
    "object",
    "component",
    "x1",
    "y1",
    "x2",
    "y2",
)

MOST_TIMES = 20  # more times the footage are said to be out of reach
TWICE = 2.5  # fewer times are reported as twice: nobody records a third more
# What is reported of equal frames of the same footage; null on other footage, and of labels without them.
OF_FRAMES = (
    *("churn", "mcnemar_p", "negative_flips", "positive_flips"),
    *("both_right", "both_wrong", "error_consistency", "changed_labels"),
)


def compare_runs(
    a: RunFolder,
    b: RunFolder,
    *,
    model_a: str | None = None,
    model_b: str | None = None,
    margin: float = MARGIN,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare one model of run A with one of run B.

    Items are matched by content, else by part, pass and station, else by part and pass. Headline metrics are
    judged together: equal runs are called different in at most 5 % of comparisons. ``a`` and ``b`` are the
    runs' figures; ``difference`` is paired on common footage.
    """
    if margin <= 0:
        raise SettingsError(f"--margin: expected a share above 0, got {margin:g}")
    first, second, by, notes = sides_of(a, b, model_a, model_b)
    metrics = metrics_of(first.task, ANCHOR_DELTAS)
    precision, summary = precision_differences(first, second, by, margin)
    rows = {
        metric.name: both
        for metric in metrics
        if metric.name not in precision
        and (both := rows_of_both(metric, first, second, by)) is not None
    }
    judged = _judged_together(metrics, rows, precision, margin, seed)
    undefined = _undefined(metrics, judged, first, second)
    compared = {m.name: one for m in metrics if (one := {**judged, **undefined}.get(m.name))}
    if not any(known(value) for one in compared.values() for value in (one.a, one.b)):
        raise InputError(
            f"{a.path}, {b.path}: no metric was computed in both; run the stability stage on both"
        )
    alike = agreement_of(first, second) if by == "content" else None
    labels = {} if alike is None or alike.finds_boxes else _frames(alike, first, second, seed)
    boxes = None
    if alike is not None and alike.finds_boxes:
        boxes = box_counts(alike, differing_steps(first, second))
    shown = {name: _with_own_figures(name, one, first, second) for name, one in compared.items()}
    leading = {
        m.name: compared[m.name] for m in metrics if m.headline and m.name in compared
    } or compared
    said = headline(leading, {m.name: m for m in metrics})
    agreement = alike.sentence if alike is not None else ""
    return {
        **said,
        "headline": f"{agreement} {said['headline']}".lstrip(),
        "agreement": None if alike is None else alike.as_dict(),
        "a": {"run": str(a.path), "model": first.model},
        "b": {"run": str(b.path), "model": second.model},
        "paired_by": by,
        "items": len(set(first.names.values())),
        "task": first.task,
        "margin": margin,
        "family": [name for name in shown if name in {m.name for m in metrics if m.headline}],
        "metrics": shown,
        **{name: labels.get(name) for name in OF_FRAMES},
        "boxes": boxes,
        "notes": [*notes, *summary],
    }


def _judged_together(
    metrics: Sequence[Metric],
    rows: Mapping[str, Paired],
    precision: Mapping[str, Compared],
    margin: float,
    seed: int,
) -> dict[str, Compared]:
    leading = {metric.name for metric in metrics if metric.headline}
    judged: dict[str, Compared] = {}
    # the verdict on a headline metric is the later one
    for wanted in (set(rows) | set(precision), leading):
        pairs = {name: pair for name, pair in rows.items() if name in wanted}
        apart = {name: one for name, one in precision.items() if name in wanted}
        count = len(pairs) + len(apart)
        if pairs:
            judged |= compare_metrics(pairs, margin=margin, seed=seed, share=len(pairs) / count)
        judged |= with_p(apart, share=len(apart) / count) if apart else {}
    return {metric.name: judged[metric.name] for metric in metrics if metric.name in judged}


def _undefined(
    metrics: Sequence[Metric], compared: Mapping[str, Compared], a: Side, b: Side
) -> dict[str, Compared]:
    """What cannot be compared, since a side lacks it: a metric that one alone has, and the leading one.

    A detector that follows no object has no rates of objects. Its counts are 0 for want of any, so equal counts
    do not make it the same.
    """
    missing = {}
    silent = task_of(a.task).finds_boxes and any(s.table("object_frames").empty for s in (a, b))
    for metric in metrics:
        figures = [side.figure(metric.name) for side in (a, b)]
        lacking = not all(map(known, figures))
        leads = metric.name == task_of(a.task).answered[0]
        if metric.name in compared:
            if silent and not metric.of_labels:
                missing[metric.name] = undecided(compared[metric.name])
        elif lacking and (leads or any(map(known, figures))):
            missing[metric.name] = nothing_compared(*figures)
    return missing


def rows_of_both(metric: Metric, a: Side, b: Side, by: str) -> Paired | None:
    """Return the rows of one metric that both sides have; None if one has none, or no values one by one."""
    if metric.summed or metric.is_root or not metric.table:
        return None
    tables = [metric.values(side.table(metric.table)) for side in (a, b)]
    if any(table.empty for table in tables):
        return None
    part = "part" if (tables[0]["part"] != "").any() else None
    keys = [key for key in KEYS if key in tables[0] and key in tables[1]]
    if metric.of_tracks and by == "content":
        return rows_along_tracks(
            *tables, column=metric.column, worse=metric.worse, bounds=metric.bounds, part=part
        )
    if by != "content":
        tables = [
            table.groupby(["item", "part"], as_index=False).agg({metric.column: "mean"})
            for table in tables
        ]
        keys = ["item"]
    return paired_rows(
        *tables,
        keys=keys,
        column=metric.column,
        worse=metric.worse,
        bounds=metric.bounds,
        part=part,
        same_footage=by == "content",
    )


def _with_own_figures(name: str, pair: Compared, a: Side, b: Side) -> dict[str, Any]:
    both = {"a": a.figure(name), "b": b.figure(name), "a_common": pair.a, "b_common": pair.b}
    return {**asdict(pair), **both, "times": pair.times}


def outcomes(gates: Sequence[Gate], result: Mapping[str, Any]) -> list[Passage]:
    """Check rules on what B has more than A, by metric; ``answers`` is the share of frames with another answer."""
    figures = {name: {**row, "value": row["difference"]} for name, row in result["metrics"].items()}
    if result["agreement"] is not None:
        figures["answers"] = result["agreement"]
    return pass_gates(gates, {"B less A": figures})


def headline(leading: Mapping[str, Compared], metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """A sentence on all headline metrics, and what would settle an unsettled one."""
    here = {name: one.on_these_clips or one.verdict for name, one in leading.items()}
    alone = any(one.why == Undecided.FEW_CLIPS for one in leading.values())
    where = "On these clips, " if alone else ""
    titles = {
        verdict: [
            _difference(metrics[name], leading[name]) for name in here if here[name] == verdict
        ]
        for verdict in ("better", "worse", "same")
    }
    first = next(iter(leading))
    if titles["better"] and titles["worse"]:
        text = f"B is better by {listing(titles['better'][:1])}, and worse by {listing(titles['worse'][:1])}"
    elif titles["better"] or titles["worse"]:
        verdict = "better" if titles["better"] else "worse"
        text = f"B is {verdict}: {titles[verdict][0]}"
    elif here[first] == "same":
        text = f"B is as stable as A within the margin: {titles['same'][0]}"
    else:
        text = f"cannot tell: {_difference(metrics[first], leading[first])}"
    needed = _settled_by(first, leading[first]) if leading[first].verdict == "cannot tell" else None
    ending = f"; {_needed(needed)}" if needed else ""
    text = f"{where}{text}{ending}."
    return {"headline": text[0].upper() + text[1:], "settled_by": needed}


def _difference(metric: Metric, both: Compared) -> str:
    if both.why == Undecided.NOT_MEASURED:
        if not known(both.a) and not known(both.b):
            return f"{metric.title}: nothing to compare"
        figure = percent if metric.is_percent else number
        a, b = (figure(value, missing="not defined") for value in (both.a, both.b))
        return f"{metric.title} {a} in A, {b} in B"
    if metric.is_percent:
        gap = points_with_interval(both.difference, both.low, both.high)
        return f"{metric.title} {percent(both.a)} in A, {percent(both.b)} in B, a difference in points of {gap}"
    gap = with_interval(both.difference, both.low, both.high)
    return f"{metric.title} {number(both.a)} in A, {number(both.b)} in B, a difference of {gap}"


def _settled_by(name: str, both: Compared) -> dict[str, Any]:
    why = both.why or Undecided.INTERVAL
    clips = ENOUGH if both.on_these_clips else 0
    return {"metric": name, "why": str(why), "times": both.times, "clips": clips}


def _needed(needed: Mapping[str, Any]) -> str:
    if needed["why"] == Undecided.FEW_ROWS:
        return f"too little footage: at least {FEWEST_ROWS} pairs or frames are needed"
    if needed["why"] == Undecided.FAMILY:
        return "the interval excludes 0, but no longer after allowing for all metrics"
    if needed["why"] == Undecided.NOT_MEASURED:
        return "footage is needed on which both have this figure"
    if needed["why"] == Undecided.FEW_CLUSTERS:
        return f"too little footage: at least {FEWEST_TESTED} clips or stretches of {SHORTEST_S:g} s are needed"
    if needed["clips"] and needed["why"] == Undecided.FEW_CLIPS:
        return f"{needed['clips']} clips or parts are needed to speak of others"
    times = needed["times"]
    if not times <= MOST_TIMES:
        return "footage like this cannot settle it"
    if times < TWICE:
        return "about twice this footage would settle it"
    return f"about {number(times)} times this footage would settle it"


def _frames(alike: Agreement, a: Side, b: Side, seed: int) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "churn": asdict(alike.rate),  # Milani Fard et al. 2016
        "changed_labels": alike.changed.to_dict("records"),
    }
    return summary | _right(a, b, seed)


def _right(a: Side, b: Side, seed: int) -> dict[str, Any]:
    tables = [side.table("label_answers") for side in (a, b)]
    both = tables[0].merge(
        tables[1][["item", "frame", "top1"]], on=["item", "frame"], suffixes=("_a", "_b")
    )
    if both.empty:
        return {}
    clusters = clusters_of_rows(both)
    models = two_models(
        both["top1_a"].to_numpy() > 0, both["top1_b"].to_numpy() > 0, clusters, seed=seed
    )
    right = both["top1_a"].to_numpy() > 0
    return {
        "mcnemar_p": models.mcnemar_p,
        "negative_flips": models.negative_count,
        "positive_flips": models.positive_count,
        "both_right": int(right.sum()) - models.negative_count,
        "both_wrong": int((~right).sum()) - models.positive_count,
        "error_consistency": asdict(models.kappa),
    }
