"""CE, mCE, flip rates: AlexNet into itself is 100, published sums, and what a degenerate model gets."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.corruption_error import (
    ALEXNET,
    NONE,
    Baseline,
    CorruptionErrors,
    FlipRates,
    read_baseline,
)
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES

MEANS = {
    # augmix/imagenet.py, six digits: an independent source of the same table
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}


def test_the_errors_of_alexnet_are_those_of_two_sources():
    assert tuple(alexnet.ERRORS) == imagenet_c.TEST == tuple(MEANS)
    for name, errors in alexnet.ERRORS.items():
        assert np.mean(errors) == pytest.approx(MEANS[name], abs=1e-6)
    scored = {name for name, sequence in SEQUENCES.items() if sequence.scored}
    assert scored <= set(alexnet.FLIP_PROBABILITIES)
    assert len(scored) == 10


def counted(errors, clean, n):
    """n images of which, at each severity, the first share is wrong."""
    counts = np.array([[round(e * n) for e in row] for row in errors.values()])
    wrong = np.arange(n)[:, None, None] < counts
    clean_wrong = np.arange(n) < round(clean * n)
    return CorruptionErrors(names=tuple(errors), wrong=wrong, clean_wrong=clean_wrong)


def test_alexnet_into_itself_is_100_for_every_corruption():
    """Of 50 000 images, as many as the errors were counted on."""
    found = counted(alexnet.ERRORS, 0.4348, 50_000).summary()
    assert found["mce"] == pytest.approx(100)
    assert found["relative_mce"] == pytest.approx(100)
    for each in found["corruptions"].values():
        assert (each["ce"], each["relative_ce"]) == pytest.approx((100, 100))


def test_ce_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    own = Baseline(errors={"fog": (0.2, 0.4)}, clean_error=0.1, name="own")
    found = dataclasses.replace(counted({"fog": (0.1, 0.5)}, 0.1, 10), baseline=own).summary()
    assert found["mce"] == pytest.approx(100)
    assert found["normalised_by"] == "own"


def test_a_summary_of_counts_is_the_formula_on_rates():
    errors = {name: tuple(np.round(np.array(e) * 0.8, 2)) for name, e in alexnet.ERRORS.items()}
    found = counted(errors, 0.24, 100).summary()
    ce = [100 * np.sum(e) / np.sum(alexnet.ERRORS[name]) for name, e in errors.items()]
    above = {name: np.sum(np.array(e) - 0.4348) for name, e in alexnet.ERRORS.items()}
    relative = [100 * np.sum(np.array(e) - 0.24) / above[name] for name, e in errors.items()]
    assert found["mce"] == pytest.approx(np.mean(ce))
    assert found["relative_mce"] == pytest.approx(np.mean(relative))
    assert found["clean_error"] == pytest.approx(0.24)
    assert found["corruptions"]["fog"]["errors"] == pytest.approx(errors["fog"])
    assert found["corruptions"]["fog"]["ce"] == pytest.approx(ce[list(errors).index("fog")])
    assert found["mce_low"] < found["mce"] < found["mce_high"]


def test_a_model_that_corruption_does_not_touch_has_relative_mce_zero():
    errors = dict.fromkeys(alexnet.ERRORS, (0.3,) * 5)
    assert counted(errors, 0.3, 10).summary()["relative_mce"] == pytest.approx(0, abs=1e-9)


def test_the_interval_of_mce_covers_as_it_says():
    """400 draws of 60 images whose chance of being wrong differs between images: 95 % give or take 3 %."""
    rng = np.random.default_rng(0)
    names, hits = ("fog", "snow"), 0
    truth = np.mean([100 * 5 * 0.5 / np.sum(alexnet.ERRORS[name]) for name in names])
    for _ in range(400):
        chance = rng.beta(2, 2, size=(60, 1, 1))
        wrong = rng.random((60, 2, 5)) < chance
        found = CorruptionErrors(names=names, wrong=wrong, clean_wrong=np.zeros(60, bool)).summary()
        hits += found["mce_low"] <= truth <= found["mce_high"]
    assert hits / 400 == pytest.approx(0.95, abs=0.03)


def test_without_a_baseline_it_is_a_mean_error_in_percent():
    wrong = np.zeros((4, 1, 2), bool)
    wrong[:2, 0, 0] = True
    of = {"names": ("x",), "wrong": wrong, "clean_wrong": np.zeros(4, bool)}
    found = CorruptionErrors(**of, baseline=NONE).summary()
    assert found["mce"] == pytest.approx(25)
    assert found["normalised_by"] == ""
    with pytest.raises(ValueError, match=r"expected \(3, 1, S\), got \(4, 1, 2\)"):
        CorruptionErrors(names=("x",), wrong=wrong, clean_wrong=np.zeros(3, bool), baseline=ALEXNET)


def test_flip_rates_are_over_alexnets_and_the_mean_is_over_the_ten():
    names = tuple(alexnet.FLIP_PROBABILITIES)
    base = np.array(list(alexnet.FLIP_PROBABILITIES.values()))
    scored = np.array([SEQUENCES[name].scored for name in names])
    found = FlipRates(
        names=names,
        flips=np.stack([base, base]),
        top5_distance=np.ones((2, len(names))),
        scored=scored,
        clean_wrong=np.array([True, False]),
    ).summary()
    assert found["mfr"] == pytest.approx(100)
    assert found["flip_probability"] == pytest.approx(base[scored].mean())
    assert (found["t5d"], found["clean_error"]) == (1, 0.5)
    assert found["sequences"]["spatter"]["scored"] is False


def test_a_model_over_itself_as_baseline_is_100(tmp_path):
    file = tmp_path / "said.json"
    errors = {"fog": (0.2, 0.4), "snow": (0.3, 0.5)}
    mine = counted(errors, 0.1, 10)
    file.write_text(json.dumps({"suite": "imagenet-c-bar", "models": {"own": mine.summary()}}))
    read = read_baseline(file, "imagenet-c-bar")
    found = dataclasses.replace(mine, baseline=read).summary()
    assert (found["mce"], found["relative_mce"]) == pytest.approx((100, 100))
    assert found["normalised_by"] == "own"

    flips = FlipRates(
        names=("snow", "tilt"),
        flips=np.array([[0.1, 0.2], [0.3, 0.2]]),
        top5_distance=np.array([[1.0, 4.0], [3.0, 2.0]]),
        scored=np.array([True, True]),
        clean_wrong=np.zeros(2, bool),
    )
    assert "mt5d" not in flips.summary()  # there is no published one
    file.write_text(json.dumps({"suite": "imagenet-p", "models": {"own": flips.summary()}}))
    other = read_baseline(file, "imagenet-p")
    halved = dataclasses.replace(flips, top5_distance=flips.top5_distance / 2, baseline=other)
    half = halved.summary()
    assert (half["mfr"], half["mt5d"]) == pytest.approx((100, 50))


def test_what_is_no_baseline_is_refused(tmp_path):
    file = tmp_path / "said.json"
    with pytest.raises(InputError, match="is no baseline"):
        read_baseline(file, "imagenet-c")
    one = counted({"fog": (0.2, 0.4)}, 0.1, 10).summary()
    never = counted({"fog": (0.0, 0.0)}, 0.0, 10).summary()
    for models, suite, error, message in (
        ({"a": one, "b": one}, "imagenet-c", SettingsError, "holds 2 models; a baseline is one"),
        ({"a": one}, "cifar-c", SettingsError, "imagenet-c, and cannot be a baseline for cifar-c"),
        ({"a": never}, "imagenet-c", SettingsError, "model a never fails under fog, by which"),
        ({"a": {"clean_error": 0.1}}, "imagenet-c", InputError, "model a lacks 'corruptions'"),
    ):
        file.write_text(json.dumps({"suite": "imagenet-c", "models": models}))
        with pytest.raises(error, match=message):
            read_baseline(file, suite)


def test_images_of_one_clip_do_not_count_as_independent():
    """Against the linearised variance by hand, and against plain images where every group is one image."""
    rng = np.random.default_rng(4)
    clip = np.repeat(np.arange(6), 10)
    hard = (0.2 + 0.6 * rng.random(6))[clip]
    wrong = rng.random((60, 2, 5)) < hard[:, None, None]
    names = ("brightness", "contrast")
    common = {"names": names, "wrong": wrong, "clean_wrong": np.zeros(60, bool)}
    alone = CorruptionErrors(**common).summary()
    single = CorruptionErrors(**common, group=np.arange(60)).summary()
    grouped = CorruptionErrors(**common, group=clip).summary()
    assert single["mce_low"] == pytest.approx(alone["mce_low"])
    sums = np.array([np.sum(ALEXNET.errors[name]) for name in common["names"]])
    per = (100 * wrong.sum(axis=2) / sums).mean(axis=1)
    # groups of equal size: the interval of the mean of their means
    means = per.reshape(6, 10).mean(axis=1)
    half = stats.t.ppf(0.975, 5) * means.std(ddof=1) / np.sqrt(6)
    assert grouped["mce_low"] == pytest.approx(means.mean() - half)
    assert grouped["groups"] == 6
    assert grouped["mce_high"] - grouped["mce_low"] > 1.5 * (alone["mce_high"] - alone["mce_low"])


def test_no_interval_reaches_beyond_what_can_be():
    flips = np.zeros((5, 2))
    flips[0] = 0.9
    flips = np.vstack([flips, 1 - flips])
    found = FlipRates(
        names=("brightness", "tilt"), flips=flips, top5_distance=18 * flips,
        scored=np.array([True, True]), clean_wrong=np.zeros(10, bool),
        group=np.repeat(np.arange(2), 5),
    ).summary()  # fmt: skip
    assert (found["flip_probability_low"], found["flip_probability_high"]) == (0.0, 1.0)
    assert (found["t5d_low"], found["t5d_high"]) == (0.0, 18.0)
    assert found["mfr_low"] == 0.0
