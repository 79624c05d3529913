"""The wording of every verdict in one golden file: stability, remedies, comparisons. Other tests assert codes."""

from tests.wording import assert_golden
from vidrobust.metrics.catalogue import find_metric, metrics_of
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.plugins.comparison.compare_metrics import Compared
from vidrobust.plugins.comparison.compare_runs import headline
from vidrobust.plugins.comparison.comparison_page import MEANS
from vidrobust.plugins.comparison.comparison_page import WHY as WHY_COMPARED
from vidrobust.stages.remedies.catalogue import WHY as WHY_REMEDIES
from vidrobust.stages.remedies.catalogue import held_out
from vidrobust.stages.stability.rates import stability
from vidrobust.statistics.ratios import Undecided

NAN = float("nan")
RATES = {
    "steady": (0.0, 0.0, 0.0005, 9000),
    "flickering": (0.004, 0.002, 0.008, 9000),
    "unstable": (0.1, 0.05, 0.2, 400),
    "steady or more": (0.0005, 0.0, 0.004, 2000),
    "more than steady": (0.004, 0.002, 0.02, 900),
    "few": (0.2, 0.0, 0.6, 9),
    "no interval": (0.1, NAN, NAN, 20),
    "nothing": (NAN, NAN, NAN, 0),
}


def compared(verdict, why=Undecided.DECIDED, alone="", **more):
    ends = {"a": 0.1, "b": 0.05, "difference": -0.05, "low": -0.08, "high": -0.02, "margin": 0.015}
    found = {"n": 400, "clusters": 9, "cluster": "item", "why": why, "on_these_clips": alone}
    return Compared(verdict=verdict, **found, **{**ends, **more})


OPEN = {"low": -0.12, "high": 0.02}
HEADLINES = {
    "better": compared("better"),
    "worse": compared("worse", difference=0.05, low=0.02, high=0.08, a=0.05, b=0.1),
    "same": compared("same", difference=0.001, low=-0.01, high=0.01),
    "better, these clips": compared("cannot tell", Undecided.FEW_CLIPS, "better"),
    "open": compared("cannot tell", Undecided.INTERVAL, **OPEN),
    "open, far": compared("cannot tell", Undecided.INTERVAL, low=-0.9, high=0.8, difference=-0.001),
    "family": compared("cannot tell", Undecided.FAMILY),
    "few clusters": compared("cannot tell", Undecided.FEW_CLUSTERS, low=NAN, high=NAN),
    "few rows": compared("cannot tell", Undecided.FEW_ROWS),
}


def test_golden_wording_of_every_verdict():
    metric = next(each for each in metrics_of(CLASSIFICATION.name) if each.name == "flip_rate")
    lines = ["stability"]
    for name, (rate, low, high, n) in RATES.items():
        found = stability(rate, low, high, n, metric)
        lines.append(f"  {name} [{found.word}, {found.kind}]: {found.why}")
    lines.append("remedies: why nothing can be told")
    lines += [f"  {code or 'decided'}: {text}" for code, text in WHY_REMEDIES.items()]
    held = {"before": 0.2, "after": 0.1, "ratio": 0.5, "low": 0.3, "high": 0.8, "n": 100}
    summary = {"rule": "majority-5", "held_out": held, "why": ""}
    lines.append(f"  held out: {held_out(summary, 'flip_rate')}")
    lines.append("compare: headlines")
    for name, each in HEADLINES.items():
        said = headline({"flip_rate": each}, {"flip_rate": metric})["headline"]
        lines.append(f"  {name}: {said}")
    lines.append("compare: verdicts")
    lines += [f"  {verdict}: {text}" for verdict, text in MEANS.items()]
    lines += [f"  cannot tell, {code}: {text}" for code, text in WHY_COMPARED.items()]
    assert_golden("verdict_wording.txt", "\n".join(lines))


def test_every_reason_has_words():
    """Each code of ``Undecided`` that a remedy or a comparison can have is in one of the two tables."""
    assert set(Undecided) - {Undecided.DECIDED} <= {*WHY_REMEDIES, *WHY_COMPARED}


def test_a_detector_without_misses_is_said_so_of_the_objects_that_it_follows():
    """Objects that it never finds are in no table without labels, so nothing may be said of all in view."""
    wording = find_metric("uncovered_rate", "detection").wording
    assert "followed objects" in wording.never
    assert "followed objects" in wording.none_seen
