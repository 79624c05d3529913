"""Console lines of a comparison of two runs and of control charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.text.numbers import counted_share, interval, number, p_words, with_interval
from vidrobust.text.phrases import plural


def comparison_lines(found: Mapping[str, Any]) -> list[str]:
    a, b = found["a"], found["b"]
    wording = [
        found["headline"],
        f"A: {a['run']} ({a['model']})",
        f"B: {b['run']} ({b['model']}); {plural(found['items'], 'input')}, paired by {found['paired_by']}",
        f"  {'metric':32}{'A':>10}{'B':>10}{'B - A':>11}  {'95 % interval':23} B is",
    ]
    for name, metric in found["metrics"].items():
        ends = interval(metric["low"], metric["high"], digits=4)
        units = plural(metric["clusters"], metric["cluster"] or "cluster")
        alone = f"; on these clips alone: {metric['on_these_clips']}" if metric["on_these_clips"] else ""
        wording.append(
            f"  {name:32}{_figure(metric['a']):>10}{_figure(metric['b']):>10}{_figure(metric['difference']):>11}  "
            f"{ends:23} {metric['verdict']}{alone} ({units})"
        )
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


def control_chart_lines(found: Mapping[str, Any]) -> list[str]:
    what = f"{found['metric']} of {found['model']}"
    stand = f"the first {found['baseline']} runs" if found["baseline"] else "the runs before"
    wording = [
        f"{what}: {found['chart']} chart, centre {_figure(found['centre'])}, each run judged on {stand}"
    ]
    for point in found["points"]:
        said = "  OUT" if point["out"] else "  OUT, eight runs together" if point["shifted"] else ""
        known = point["low"] is not None
        limits = f"limits {_figure(point['low'])} to {_figure(point['high'])}" if known else ""
        wording.append(f"  {point['run']:32}{_figure(point['value']):>10}  {limits}{said}")
    since = found["out_since"]
    return [*wording, f"  out since {since}" if since else "  the last run is in control"]


def _figure(value: float | None) -> str:
    return number(value, 4, missing="-")


def _kappa(kappa: Mapping[str, Any]) -> str:
    if kappa["value"] is None:
        return "not defined"
    return with_interval(kappa["value"], kappa["low"], kappa["high"], digits=3)
