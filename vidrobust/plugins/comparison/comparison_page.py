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
    percent_with_interval,
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
    Undecided.NOT_MEASURED: "not measured in both",
    Undecided.FEW_ROWS: f"fewer than {FEWEST_ROWS} rows",
    Undecided.FEW_CLUSTERS: f"fewer than {FEWEST_TESTED} clips or stretches",
    Undecided.FEW_CLIPS: f"fewer than {ENOUGH} clips say nothing about others",
    Undecided.INTERVAL: "the interval includes 0",
    Undecided.FAMILY: "not after allowing for all metrics",
}
# Metrics that are reported under the others.
FURTHER = re.compile(r"anchor_.*|pm[1-9]\d*")
MOST_CHANGES = 12


def write_comparison(path: Path, found: Mapping[str, Any]) -> Path:
    """Write the report of what ``compare_runs`` found."""
    rows = [_row(name, metric, found["task"]) for name, metric in found["metrics"].items()]
    first = [row for row in rows if not FURTHER.fullmatch(row["name"])]
    return write_page(
        path,
        "comparison.html",
        {
            "title": "Two runs compared",
            "a": found["a"],
            "b": found["b"],
            "headline": found["headline"],
            "summary": (
                f"{plural(found['items'], 'item')} that both have seen, paired by {found['paired_by']}"
            ),
            "sentences": _sentences(first),
            "alone": _alone(first),
            "means": [
                {"verdict": verdict, "kind": KINDS[verdict], "means": MEANS[verdict]}
                for verdict in dict.fromkeys(row["verdict"] for row in rows)
            ],
            "rows": first,
            "further": [row for row in rows if FURTHER.fullmatch(row["name"])],
            "labels": _labels(found),
            "changes": (found["changed_labels"] or [])[:MOST_CHANGES],
            "changes_left": len((found["changed_labels"] or [])[MOST_CHANGES:]),
            "right": _right(found),
            "boxes": agreement_lines(found["boxes"]) if found["boxes"] else [],
            "notes": found["notes"],
        },
        __package__,
    )


def _metric(name: str, task: str) -> Metric:
    metric = find_metric(name, task)
    if metric is None:
        raise ValueError(f"there is no metric {name}")
    return metric


def _row(name: str, each: Mapping[str, Any], task: str) -> dict[str, Any]:
    metric = _metric(name, task)
    share = metric.is_percent
    summary = percent if share else number
    ends = (percent_interval if share else interval)(each["low"], each["high"])
    return {
        "name": name,
        "title": metric.title,
        "sentence": metric.sentence,
        "wanted": "lower" if metric.worse == "higher" else "higher",
        "a": summary(each["a"]),
        "b": summary(each["b"]),
        "common": f"{summary(each['a_common'])} → {summary(each['b_common'])}",
        "difference": (signed_percent if share else signed)(each["difference"]),
        "interval": ends,
        "margin": summary(each["margin"]),
        "p": p_value(each["p"]),
        "verdict": each["verdict"],
        "alone": each["on_these_clips"],
        "why": WHY.get(each["why"], ""),
        "kind": KINDS[each["verdict"]],
        "of": f"{plural(each['clusters'], each['cluster'])}, {plural(each['n'], 'row')}",
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


def _labels(found: Mapping[str, Any]) -> str:
    churn = found["churn"]
    if not churn or not churn["n"]:
        return ""
    share = percent_with_interval(churn["value"], churn["low"], churn["high"])
    return f"The two say different things on {share} of {plural(churn['n'], 'frame')}."


def _right(found: Mapping[str, Any]) -> dict[str, Any]:
    if found["mcnemar_p"] is None:
        return {}
    p = found["mcnemar_p"]
    return {
        **{
            key: found[key]
            for key in ("both_right", "both_wrong", "negative_flips", "positive_flips")
        },
        "p": "below 0.0001" if p < 1e-4 else number(p),
        "wording": "the two are right on different shares of the frames"
        if p < 0.05
        else "no difference is shown",
    }


def agreement_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the lines of ``box_agreement``."""
    if not found["frames"]:
        return []
    iou = f", with an IoU of {number(found['iou'])} on average" if found["both"] else ""
    alike = percent(found["frames_alike"] / found["frames"])
    return [
        f"  same boxes on {alike} of {plural(found['frames'], 'frame')}; "
        f"{plural(found['both'], 'box', 'boxes')} of both{iou}, {found['only_a']} of A only, {found['only_b']} of B "
        f"only, {found['other_class']} of another class",
        *(
            f"  {step['what'].replace('_', ' ')} differs: A {step['a'][:120]}; B {step['b'][:120]}"
            for step in found["differs"]
        ),
    ]


def comparison_lines(found: Mapping[str, Any]) -> list[str]:
    a, b = found["a"], found["b"]
    wording = [
        found["headline"],
        f"A: {a['run']} ({a['model']})",
        f"B: {b['run']} ({b['model']}); {plural(found['items'], 'input')}, paired by {found['paired_by']}",
        *(agreement_lines(found["boxes"]) if found["boxes"] else ()),
        f"  {'metric':26}{'A':>16}{'B':>16}{'B - A':>16}  {'95 % interval':23} {'p':>7}  B is",
    ]
    further = [name for name in found["metrics"] if FURTHER.fullmatch(name)]
    for name, metric in found["metrics"].items():
        if name in further:
            continue
        ends = interval(metric["low"], metric["high"], digits=4)
        units = plural(metric["clusters"], metric["cluster"] or "cluster")
        here = metric["on_these_clips"]
        alone = f"; on these clips alone: {here}" if here and here != metric["verdict"] else ""
        wording.append(
            f"  {name:26}{_cell(metric['a']):>16}{_cell(metric['b']):>16}{_cell(metric['difference']):>16}  "
            f"{ends:23} {p_value(metric['p']):>7}  {metric['verdict']}{alone} ({units})"
        )
    if further:
        wording.append(f"  {plural(len(further), 'further metric')} in the report and in --json")
    if found["churn"]:
        wording.append(f"  labels differ on {counted_share(found['churn'], missing='-')}")
    if found["mcnemar_p"] is not None:
        wording.append(
            f"  right in A, wrong in B: {found['negative_flips']} frames; the reverse: {found['positive_flips']}; "
            f"McNemar {p_words(found['mcnemar_p'])}"
        )
        wording.append(
            f"  error consistency (kappa of right and wrong): {_kappa(found['error_consistency'])}"
        )
    return [*wording, *(f"  note: {note}" for note in found["notes"])]


def _cell(value: float | None) -> str:
    return number(value, 4, missing="-")


def _kappa(kappa: Mapping[str, Any]) -> str:
    if kappa["value"] is None:
        return "not defined"
    return with_interval(kappa["value"], kappa["low"], kappa["high"], digits=3)
