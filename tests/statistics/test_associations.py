"""Plain coefficients against scipy and statsmodels; the rest against hand counts and slow, obvious code."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.tools import add_constant

from tests.stages.correlate.test_correlation import VID_ROBUST
from vidrobust.stages.correlate.from_summaries import higher_is_better, known_direction
from vidrobust.statistics.associations import (
    corrected_ranks,
    effective_robustness,
    explained_by_confounder,
    kendall_without,
    partial_spearman,
    pearson,
    ranks,
    spearman,
    split_half,
)
from vidrobust.statistics.permutations import (
    autocorrelation_time,
    free_orders,
    permutation_p,
    shifted_orders,
)
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.statistics.standard_errors import cluster_jackknife


def sample(n=40, p=3, s=2, k=2, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k))
    x, y = z[:, :1] + rng.normal(size=(n, p)), z[:, :1] + rng.normal(size=(n, s))
    if ties:
        x, y, z = np.round(x), np.round(2 * y) / 2, np.round(z)
    return x, y, z


def kendall(x, y):
    return kendall_without(x, y, np.zeros(len(x), np.int64))[0]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(pearson, stats.pearsonr), (spearman, stats.spearmanr), (kendall, stats.kendalltau)],
)
def test_plain_coefficients_are_those_of_scipy(ours, theirs, ties):
    x, y, _ = sample(ties=ties)
    expected = [[theirs(a, b).statistic for b in y.T] for a in x.T]
    np.testing.assert_allclose(ours(x, y), expected, atol=1e-12)


def test_kendall_without_a_cluster_is_kendall_of_the_others():
    x, y, _ = sample(n=30, ties=True)
    codes = np.repeat(np.arange(5), [1, 4, 10, 7, 8])
    value, without = kendall_without(x, y, codes)
    np.testing.assert_allclose(value, kendall(x, y))
    for g in range(5):
        np.testing.assert_allclose(without[g], kendall(x[codes != g], y[codes != g]), atol=1e-12)


def test_partial_spearman_by_hand():
    # ranks x: 1 2 3 4 5, y: 2 1 4 3 5, z: 1 3 2 5 4; sums of squared rank differences: xy 4, xz 4, yz 14
    # Spearman 1 - 6 D / (5 * 24): xy .8, xz .8, yz .3; partial (.8 - .8 * .3) / sqrt((1 - .64)(1 - .09))
    values = ([1, 2, 3, 4, 5], [20, 10, 40, 30, 50], [1, 9, 4, 25, 16])
    x, y, z = (np.array(of, float)[:, None] for of in values)
    expected = 0.56 / np.sqrt(0.36 * 0.91)
    assert partial_spearman(x, y, z).item() == pytest.approx(expected)
    # what the confounder explains of the covariance: r_xz r_yz of r_xy
    assert explained_by_confounder(x, y, z).item() == pytest.approx(0.8 * 0.3 / 0.8)


@pytest.mark.parametrize("ties", [False, True])
def test_partial_spearman_is_the_correlation_of_least_squares_residuals_of_ranks(ties):
    x, y, z = sample(ties=ties)
    given = add_constant(stats.rankdata(z, axis=0))
    left = [OLS(stats.rankdata(a), given).fit().resid for a in (x[:, 1], y[:, 0])]
    assert partial_spearman(x, y, z)[1, 0] == pytest.approx(stats.pearsonr(*left).statistic)


def test_no_spread_gives_no_coefficient_and_inputs_stay_as_they_are():
    x, y, z = sample()
    x[:, 1] = 7.0
    kept = x.copy(), y.copy(), z.copy()
    for value in (pearson(x, y), spearman(x, y), kendall(x, y), partial_spearman(x, y, z)):
        assert np.isnan(value[1]).all()
        assert not np.isnan(value[[0, 2]]).any()
    # a column that the confounder determines has nothing left
    assert np.isnan(partial_spearman(np.exp(z[:, :1]), y, z)).all()
    for before, after in zip(kept, (x, y, z), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_broken_line_takes_out_a_confounder_that_acts_along_an_s():
    rng = np.random.default_rng(1)
    z = rng.random((4000, 1))
    x, y = (1 / (1 + np.exp(12 * (z - 0.5))) + 0.1 * rng.normal(size=z.shape) for _ in range(2))
    assert partial_spearman(x, y, z).item() > 0.2  # two bends left behind by a straight line
    assert abs(partial_spearman(x, y, z, knots=4).item()) < 0.05


def corrected(x, y, z, reliability):
    return corrected_ranks(ranks(x), ranks(y), ranks(z), np.array([reliability]))


def test_corrected_for_error_it_is_the_textbook_formula():
    x, y, z = sample(n=60, p=1, s=1, k=1)
    xy, xz, yz = spearman(x, y).item(), spearman(x, z).item(), spearman(y, z).item()
    expected = (xy - xz * yz / 0.8) / np.sqrt((1 - xz**2 / 0.8) * (1 - yz**2 / 0.8))
    assert corrected(x, y, z, 0.8).item() == pytest.approx(expected)
    assert corrected(x, y, z, 1.0).item() == pytest.approx(partial_spearman(x, y, z).item())
    assert np.isnan(corrected(x, y, z, xz**2 / 2).item())  # no variance would be left


def test_correction_recovers_what_error_in_the_confounder_hides():
    rng = np.random.default_rng(2)
    skill = rng.normal(size=(20_000, 1))
    x, y = (2 * skill + rng.normal(size=skill.shape) for _ in range(2))
    measured = skill + 0.5 * rng.normal(size=skill.shape)  # reliability 1 / 1.25
    assert partial_spearman(x, y, measured).item() > 0.3
    # not zero: ranks of normal values are not quite linear in each other
    assert abs(corrected(x, y, measured, 0.8).item()) < 0.1


def test_benjamini_hochberg_is_that_of_statsmodels_and_skips_missing():
    p = np.array([0.03, 0.001, np.nan, 0.2, 0.04, 0.04, 0.9])
    known = ~np.isnan(p)
    q = benjamini_hochberg(p)
    np.testing.assert_allclose(q[known], multipletests(p[known], method="fdr_bh")[1])
    assert np.isnan(q[2])
    assert np.isnan(benjamini_hochberg([np.nan])).all()


def test_split_half_by_hand():
    # rank correlation of the halves .8, so 2 * .8 / 1.8; opposite halves have no reliability; no spread, no figure
    a = np.array([[1, 1, 3], [2, 2, 3], [3, 3, 3], [4, 4, 3.0]])
    b = np.array([[1, 4, 1], [2, 3, 2], [4, 2, 3], [3, 1, 4.0]])
    np.testing.assert_allclose(split_half(a, b), [1.6 / 1.8, 0.0, np.nan])


def test_effective_robustness_on_real_models():
    """pm-0 and pm-10 accuracy on ImageNet-Vid-Robust, robustness_top1s.csv of imagenet-testbed (MIT)."""
    pm0, pm10 = np.array(list(VID_ROBUST.values())).T[:2] / 100
    line = stats.linregress(np.log(pm0 / (1 - pm0)), np.log(pm10 / (1 - pm10)))
    expected = pm10 - 1 / (1 + np.exp(-(line.intercept + line.slope * np.log(pm0 / (1 - pm0)))))
    found = effective_robustness(pm0, pm10[:, None])[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    of = dict(zip(VID_ROBUST, found, strict=True))
    assert (
        of["resnet50_augmix"] > 0 > of["resnet50_cutmix"]
    )  # trained with AugMix: above the line; with CutMix: below


def test_jackknife_against_a_plain_loop():
    x, y, z = sample(n=24, p=1, s=1)
    cluster = np.repeat(["a", "b", "c", "d"], [3, 9, 5, 7])

    def coefficient(rows):
        return partial_spearman(x[rows], y[rows], z[rows])

    one = cluster_jackknife(coefficient, cluster, lost=4)
    without = [np.arctanh(coefficient(np.flatnonzero(cluster != c)).item()) for c in "abcd"]
    error = np.sqrt(20 / 24 * 3 / 4 * sum((w - np.mean(without)) ** 2 for w in without))
    z0 = np.arctanh(one.value.item())
    half = stats.t.ppf(0.975, 3) * error
    assert one.low.item() == pytest.approx(np.tanh(z0 - half))
    assert one.high.item() == pytest.approx(np.tanh(z0 + half))
    assert one.p.item() == pytest.approx(2 * (1 - stats.t.cdf(abs(z0) / error, 3)))


def test_two_clusters_or_a_perfect_tie_have_no_interval():
    x = np.arange(12.0)[:, None]
    whole = np.arange(12) % 2
    assert np.isnan(cluster_jackknife(lambda r: spearman(x[r], -(x[r] ** 3)), whole).low).all()
    perfect = cluster_jackknife(lambda r: spearman(x[r], x[r] ** 3), np.arange(12))
    assert perfect.value.item() == pytest.approx(1)
    assert np.isnan(perfect.low).all()


def test_permutation_p_against_a_plain_loop():
    x, y, z = sample(n=20, p=2, s=2, seed=3)
    orders = free_orders(20, 60, np.random.default_rng(0))
    given = add_constant(stats.rankdata(z, axis=0))
    for i in range(2):
        for j in range(2):
            left_x, left_y = (OLS(stats.rankdata(a), given).fit().resid for a in (x[:, i], y[:, j]))
            seen = abs(stats.pearsonr(left_x, left_y).statistic)
            left = (OLS(left_y[order], given).fit().resid for order in orders)
            drawn = [abs(stats.pearsonr(left_x, each).statistic) for each in left]
            expected = (1 + sum(d >= seen - 1e-12 for d in drawn)) / 61
            assert permutation_p(x, y, z, orders)[i, j] == pytest.approx(expected)


def test_shifted_orders_turn_each_series_round_and_nothing_else():
    series = np.array(["a", "b", "a", "a", "b", "c"])  # rows 0 2 3, 1 4, 5
    orders = shifted_orders(series, 50, np.random.default_rng(0))
    assert {tuple(o[[0, 2, 3]]) for o in orders} == {(0, 2, 3), (2, 3, 0), (3, 0, 2)}
    assert {tuple(o[[1, 4]]) for o in orders} == {(1, 4), (4, 1)}
    assert (orders[:, 5] == 5).all()


def test_slow_series_look_related_when_shuffled_freely_but_not_when_turned_round():
    rng = np.random.default_rng(4)
    n, columns = 150, 200
    steps = rng.normal(size=(n, 2 * columns + 1))
    for t in range(1, n):
        steps[t] = 0.9 * steps[t - 1] + np.sqrt(1 - 0.81) * steps[t]
    x, y, z = steps[:, :columns], steps[:, columns:-1], steps[:, -1:]
    found = {}
    turned = shifted_orders(np.zeros(n), 199, rng)
    for name, orders in (("free", free_orders(n, 199, rng)), ("turned", turned)):
        p = [permutation_p(x[:, [k]], y[:, [k]], z, orders).item() for k in range(columns)]
        found[name] = np.mean(np.array(p) <= 0.05)
    assert found["free"] > 0.25
    assert found["turned"] < 0.10  # 10 expected of 200, standard deviation 3


def test_the_autocorrelation_time_is_longer_where_frames_resemble_each_other():
    """Independent steps carry one unit each; of a first-order series with .9, 1 + 2 (.81 / .19) = 9.5 make one."""
    rng = np.random.default_rng(5)
    steps = rng.normal(size=(4000, 12))
    series = np.repeat(["one", "two"], 2000)
    assert autocorrelation_time(series, steps[:, :6], steps[:, 6:]) < 1.2
    slow = steps.copy()
    for t in range(1, 4000):
        slow[t] = 0.9 * slow[t - 1] + np.sqrt(1 - 0.81) * steps[t]
    assert autocorrelation_time(series, slow[:, :6], slow[:, 6:]) == pytest.approx(9.5, rel=0.2)


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("label_flip", False),
        ("total_variation", False),
        ("top1_probability_change", False),
        ("accuracy", True),
        ("pm10/pm0", True),
        ("conditional_robustness", True),
        ("accuracy_drop", False),
        # what nobody declared is not guessed
        ("pm0/pm10", None),
        ("pm10_drop", None),
        ("goodness", None),
    ],
)
def test_direction_of_metrics(metric, better):
    assert known_direction(metric) is better


def test_unknown_metrics_ask_and_known_ones_cannot_be_contradicted():
    from vidrobust.errors import SettingsError

    assert higher_is_better("goodness", {"goodness": True})
    with pytest.raises(SettingsError, match=r"higher_is_better=.'goodness': \."):
        higher_is_better("goodness")
    with pytest.raises(SettingsError, match="known to mean worse"):
        higher_is_better("label_flip", {"label_flip": True})
