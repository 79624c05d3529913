"""How much footage a rate needs: by hand, and against simulated footage."""

import numpy as np
import pytest

from vidrobust.plugins.gauge.plan import FootageNeeded, clusters_for_rate
from vidrobust.statistics.intervals import clustered_rate


@pytest.mark.parametrize(
    ("rate", "half_width", "correlation"), [(0.02, 0.005, 0.05), (0.2, 0.05, 0.1)]
)
def test_so_many_clips_give_an_interval_of_that_width(rate, half_width, correlation):
    clips = clusters_for_rate(rate, half_width, correlation=correlation, per_cluster=100)
    rng = np.random.default_rng(0)
    a, b = (share * (1 - correlation) / correlation for share in (rate, 1 - rate))
    labels = np.repeat(np.arange(clips), 100)
    widths = []
    for _ in range(60):
        found = clustered_rate(rng.random(100 * clips) < rng.beta(a, b, clips)[labels], labels)
        widths.append((found.high - found.low) / 2)
    assert np.mean(widths) == pytest.approx(half_width, rel=0.15)


def test_independent_trials_need_what_the_textbook_says():
    # 1.96^2 x .5 x .5 / .05^2 = 384.2
    assert clusters_for_rate(0.5, 0.05, correlation=0.0, per_cluster=1) == pytest.approx(385, abs=3)


def test_what_is_needed_is_said_in_minutes_and_clips():
    needed = FootageNeeded(0.02, 0.005, 0.05, 312, 3120.0)
    assert needed.sentence() == (
        "To see 2 % ± 0.5 % you need about 52 min of such footage, 312 clips like these."
    )


def test_what_cannot_be_asked():
    with pytest.raises(ValueError, match="between 0 and 1"):
        clusters_for_rate(0.02, 0.0, correlation=0.1, per_cluster=10)
