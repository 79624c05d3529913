"""Which way a metric points: does a larger value mean a better or a worse model?

A correlation with one side turned round is the worst kind of wrong number, so nothing is guessed: a name is
in the list, or every word of it is known and they agree, or the user says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vidrobust.errors import SettingsError
from vidrobust.metrics.catalogue import find_metric, metric_of_column

_BETTER_WHEN_HIGH = """
    accuracy acc agreement consistency robustness robust stability reliability recall precision
    map ap f1 correct invariance
""".split()  # noqa: SIM905 - a list of words reads best as words
_BETTER_WHEN_LOW = """
    flip flips error errors err jitter dropout duplicate distance divergence instability damage drop loss
    change variation shannon churn mce ce mfr mfp fp fr mapc t5d ut5d mt5d degradation blinks
""".split()  # noqa: SIM905 - a list of words reads best as words
_NEUTRAL = """
    mean average median overall total rate rates ratio share natural video vid clip frame frames adjacent
    anchor clean benign conditional unconditional label class probability score center centre size box
    revert relative jensen top1 top5 rand random worst neighbour neighbor corruption corrupted imagenet
    ytbb fragment scale aspect position per second
""".split()  # noqa: SIM905 - a list of words reads best as words
_EXACT = {
    # words that disagree, but the whole is well defined
    "top1": True,
    "top5": True,
    "accuracy_drop": False,
    "accuracy_loss": False,
    "accuracy_change": None,
    "top1_probability_change": False,
    "top5_distance": False,
    "top1_error": False,
    "top5_error": False,
    "robustness_error": None,
    "error_consistency": None,
    "robustness_drop": False,
    "pm_drop": False,
}

CLEAN_ACCURACY = ("clean_accuracy", "accuracy", "top1_accuracy", "benign_accuracy", "pm0", "pm0_accuracy")
"""Names under which clean accuracy is looked for, in this order, where no confounder is named."""


def higher_is_better(metric: str, said: Mapping[str, bool] | None = None) -> bool:
    """Whether a larger value of ``metric`` means a better (more stable, more accurate) model.

    said  what the user states of metrics that are not known
    Raises SettingsError for an unknown metric, and where the user contradicts a known one.
    """
    known = known_direction(metric)
    stated = (said or {}).get(metric)
    if known is None and stated is None:
        raise SettingsError(
            f"metric {metric!r}: it is not known whether larger is better; say so with "
            f"--higher-is-better {metric} or --lower-is-better {metric} (higher_is_better={{{metric!r}: ...}})"
        )
    if known is not None and stated is not None and known != stated:
        word = "better" if known else "worse"
        raise SettingsError(
            f"metric {metric!r}: stated as {'higher' if stated else 'lower'} is better, but larger values of "
            f"this metric are known to mean {word}; rename the metric if it is another one"
        )
    return bool(stated if known is None else known)


def known_direction(metric: str) -> bool | None:
    """True: larger is better; False: larger is worse; None: not known, or ambiguous."""
    record = find_metric(metric) or metric_of_column(metric)
    if record is not None:
        return record.worse == "lower"
    name = re.sub(r"[\s\-.]+", "_", metric.strip().lower())
    if name in _EXACT:
        return _EXACT[name]
    ratio = re.fullmatch(r"(?:[a-z]+_)*?pm_?(\d+)\s*(?:/|_over_|_by_|_given_)\s*pm_?0", name)
    if ratio:
        return True if int(ratio.group(1)) > 0 else None
    votes: set[bool] = set()
    has_pm = False
    for word in filter(None, name.split("_")):
        if re.fullmatch(r"pm\d+|pmk", word):
            has_pm = True
        elif word in _BETTER_WHEN_LOW:
            votes.add(False)
        elif word in _BETTER_WHEN_HIGH:
            votes.add(True)
        elif word not in _NEUTRAL and not word.isdigit():
            return None
    if has_pm:  # pm10, vid_pm10, pm10_accuracy; but not pm10_drop or pm0_pm10
        alone = len(re.findall(r"pm\d+|pmk", name)) == 1
        return True if alone and False not in votes else None
    if len(votes) != 1:
        return None
    return bool(votes.pop())


def signs(metrics: Iterable[str], said: Mapping[str, bool] | None = None) -> dict[str, float]:
    """+1 for a metric that already counts harm (flips, errors), -1 for one that must be turned round."""
    return {metric: -1.0 if higher_is_better(metric, said) else 1.0 for metric in metrics}
