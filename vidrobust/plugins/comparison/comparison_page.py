"""A comparison of two runs as a page and as lines of the console."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.plugins.comparison.compare_metrics import ENOUGH
from vidrobust.report.pages import write_page
from vidrobust.statistics.levels import FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.ratios import Undecided
from vidrobust.text.numbers import (
    counted_share,
    interval,
    number,
    p_value,
    p_words,
    percent,
    percent_interval,
    signed,
    signed_percent,
    with_interval,
)
from vidrobust.text.phrases import listing, plural

KINDS = {"better": "good", "worse": "bad", "same": "good", "cannot tell": "unknown"}
MEANS = {
    "better": "B is better: the interval of the difference leaves out 0, and chance does as much to some metric "
    "of two equal runs in at most 5 % of comparisons.",
    "worse": "B is worse: the interval of the difference leaves out 0, and chance does as much to some metric "
    "of two equal runs in at most 5 % of comparisons.",
    "same": "The whole interval lies within the margin: whatever difference there is does not matter.",
    "cannot tell": "Neither is shown. More clips would settle it.",
}
# Why a verdict is "cannot tell".
WHY = {
    Undecided.NOT_MEASURED: "one has nothing to compare",
    Undecided.FEW_ROWS: f"fewer than {FEWEST_ROWS} rows",
    Undecided.FEW_CLUSTERS: f"fewer than {FEWEST_TESTED} clips or stretches",
    Undecided.FEW_CLIPS: f"fewer than {ENOUGH} clips say nothing about others",
    Undecided.INTERVAL: "the interval includes 0",
    Undecided.FAMILY: "not after allowing for all metrics",
}
# Metrics that are reported under the others.
FURTHER = re.compile(r"anchor_.*|pm[1-9]\d*")
MOST_CHANGES = 12
MOST_SHOWN = 3  # frames on the console


def write_comparison(path: Path, both: Mapping[str, Any]) -> Path:
    """Write the report of what ``compare_runs`` found."""
    rows = [_row(name, metric, both["task"]) for name, metric in both["metrics"].items()]
    first = [row for row in rows if not FURTHER.fullmatch(row["name"])]
    return write_page(
        path,
        "comparison.html",
        {
            "title": "Two runs compared",
            "a": both["a"],
            "b": both["b"],
            "headline": both["headline"],
            "summary": (
                f"{plural(both['items'], 'item')} that both have seen, paired by {both['paired_by']}"
            ),
            "sentences": _sentences(first),
            "alone": _alone(first),
            "means": [
                {"verdict": verdict, "kind": KINDS[verdict], "means": MEANS[verdict]}
                for verdict in dict.fromkeys(row["verdict"] for row in rows)
            ],
            "rows": first,
            "further": [row for row in rows if FURTHER.fullmatch(row["name"])],
            "labels": bool(both["churn"] and both["churn"]["n"]),
            "changes": (both["changed_labels"] or [])[:MOST_CHANGES],
            "changes_left": len((both["changed_labels"] or [])[MOST_CHANGES:]),
            "right": _right(both),
            "boxes": agreement_lines(both["boxes"]) if both["boxes"] else [],
            "worst": worst_lines(both["agreement"]),
            "notes": both["notes"],
        },
        __package__,
    )


def _metric(name: str, task: str) -> Metric:
    metric = find_metric(name, task)
    if metric is None:
        raise ValueError(f"there is no metric {name}")
    return metric


def _row(name: str, row: Mapping[str, Any], task: str) -> dict[str, Any]:
    metric = _metric(name, task)
    share = metric.is_percent
    summary = percent if share else number
    ends = (percent_interval if share else interval)(row["low"], row["high"])
    return {
        "name": name,
        "title": metric.title,
        "sentence": metric.sentence,
        "wanted": "lower" if metric.worse == "higher" else "higher",
        "a": summary(row["a"]),
        "b": summary(row["b"]),
        "common": f"{summary(row['a_common'])} → {summary(row['b_common'])}",
        "difference": (signed_percent if share else signed)(row["difference"]),
        "interval": ends,
        "margin": summary(row["margin"]),
        "p": p_value(row["p"]),
        "verdict": row["verdict"],
        "alone": row["on_these_clips"],
        "why": WHY.get(row["why"], ""),
        "kind": KINDS[row["verdict"]],
        "of": f"{plural(row['clusters'], row['cluster'])}, {plural(row['n'], 'row')}",
    }


def _sentences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    groups = []
    for verdict in ("worse", "better", "same", "cannot tell"):
        titles = [row["title"] for row in rows if row["verdict"] == verdict]
        if titles:
            groups.append({"verdict": verdict, "kind": KINDS[verdict], "titles": listing(titles)})
    return groups


def _alone(rows: Sequence[Mapping[str, Any]]) -> str:
    if not any(row["alone"] for row in rows):
        return ""
    texts = [
        f"{listing(titles)}: {verdict}"
        for verdict in ("worse", "better", "same")
        if (titles := [row["title"] for row in rows if row["alone"] == verdict])
    ]
    summary = "; ".join(texts) or "nothing is sure there either"
    return (
        f"Fewer than {ENOUGH} clips or parts say nothing about others: of a kind that makes up one in five, there "
        f"may be none among them. On these clips alone: {summary}."
    )


def _right(both: Mapping[str, Any]) -> dict[str, Any]:
    if both["mcnemar_p"] is None:
        return {}
    p = both["mcnemar_p"]
    return {
        **{
            key: both[key]
            for key in ("both_right", "both_wrong", "negative_flips", "positive_flips")
        },
        "p": "below 0.0001" if p < 1e-4 else number(p),
        "wording": "the two are right on different shares of the frames"
        if p < 0.05
        else "no difference is shown",
    }


def agreement_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the lines of ``box_agreement``."""
    if not result["frames"]:
        return []
    if not result["both"] + result["only_a"] + result["only_b"]:
        return [f"  no box of either in {plural(result['frames'], 'frame')}"]
    iou = f", with an IoU of {number(result['iou'])} on average" if result["both"] else ""
    alike = percent(result["frames_alike"] / result["frames"])
    return [
        f"  same boxes on {alike} of {plural(result['frames'], 'frame')}; "
        f"{plural(result['both'], 'box', 'boxes')} of both{iou}, {result['only_a']} of A only, {result['only_b']} of B "
        f"only, {result['other_class']} of another class",
        *(
            f"  {step['what'].replace('_', ' ')} differs: A {step['a'][:120]}; B {step['b'][:120]}"
            for step in result["differs"]
        ),
    ]


def worst_lines(agreement: Mapping[str, Any] | None) -> list[str]:
    """Return the frames whose answers differ most, a line each."""
    rows = agreement["frames"] if agreement else []
    return [f"{row['item']}, frame {row['frame']}: A {row['a']}, B {row['b']}" for row in rows]


def comparison_lines(result: Mapping[str, Any]) -> list[str]:
    a, b = result["a"], result["b"]
    wording = [
        result["headline"],
        f"A: {a['run']} ({a['model']})",
        f"B: {b['run']} ({b['model']}); {plural(result['items'], 'input')}, paired by {result['paired_by']}",
        *(agreement_lines(result["boxes"]) if result["boxes"] else ()),
        *(f"  {line}" for line in worst_lines(result["agreement"])[:MOST_SHOWN]),
        f"  {'metric':26}{'A':>16}{'B':>16}{'B - A':>16}  {'95 % interval':23} {'p':>7}  B is",
    ]
    further = [name for name in result["metrics"] if FURTHER.fullmatch(name)]
    for name, metric in result["metrics"].items():
        if name in further:
            continue
        ends = interval(metric["low"], metric["high"], digits=4)
        units = WHY[Undecided.NOT_MEASURED]
        if metric["clusters"]:
            units = plural(metric["clusters"], metric["cluster"])
        here = metric["on_these_clips"]
        alone = f"; on these clips alone: {here}" if here and here != metric["verdict"] else ""
        wording.append(
            f"  {name:26}{_cell(metric['a']):>16}{_cell(metric['b']):>16}{_cell(metric['difference']):>16}  "
            f"{ends:23} {p_value(metric['p']):>7}  {metric['verdict']}{alone} ({units})"
        )
    if further:
        wording.append(f"  {plural(len(further), 'further metric')} in the report and in --json")
    if result["churn"]:
        wording.append(f"  labels differ on {counted_share(result['churn'], missing='-')}")
    if result["mcnemar_p"] is not None:
        wording.append(
            f"  right in A, wrong in B: {result['negative_flips']} frames; the reverse: {result['positive_flips']}; "
            f"McNemar {p_words(result['mcnemar_p'])}"
        )
        wording.append(
            f"  error consistency (kappa of right and wrong): {_kappa(result['error_consistency'])}"
        )
    return [*wording, *(f"  note: {note}" for note in result["notes"])]


def _cell(value: float | None) -> str:
    return number(value, 4, missing="-")


def _kappa(kappa: Mapping[str, Any]) -> str:
    if kappa["value"] is None:
        return "not defined"
    return with_interval(kappa["value"], kappa["low"], kappa["high"], digits=3)
