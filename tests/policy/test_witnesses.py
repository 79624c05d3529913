"""The witnesses, on tables with known answers counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from vidrobust import tables
from vidrobust.errors import InputError
from vidrobust.perturb.blur import disk_kernel, line_kernel
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.policy import witnesses
from vidrobust.policy.pairings import PAIRINGS, RESOLUTION
from vidrobust.policy.testimony import Thresholds, pooled_p99
from vidrobust.studies.variation import UNITS

STRENGTHS = {"brightness": (0.05, 0.1, 0.2, 0.4, 0.8), "rotation": (1.0, 2.0, 5.0), "translation": (1.0, 4.0)}


def variation(quantity: str, p99: float, *, items: int = 6, n: int = 100, **more: float) -> pd.DataFrame:
    rows = [
        {
            "item": f"clip{i}",
            "scale": "adjacent",
            "quantity": quantity,
            "unit": "",
            "p50": p99 / 3,
            "p95": p99 * 0.8,
            "p99": p99,
            "n": n,
            "valid": 1.0,
            "error": p99 / 10,
            **more,
        }
        for i in range(items)
    ]
    return pd.DataFrame(rows)


def sensitivity(name: str = "brightness", per_unit: float = 2.0, *, spread: float = 0.1) -> pd.DataFrame:
    """Total variation ``per_unit`` times strength, on 6 clips of 4 frames that differ by +-spread."""
    rng = np.random.default_rng(0)
    rows = []
    for clip in range(6):
        for frame in range(4):
            slope = per_unit * (1 + spread * rng.uniform(-1, 1))
            for strength in STRENGTHS[name]:
                for metric, share in (("total_variation", 1.0), ("label_flip", 0.5)):
                    value = min(1.0, slope * strength * share)
                    rows.append(("m", f"clip{clip}", frame, name, strength, 0, metric, value))
    return pd.DataFrame(rows, columns=list(tables.TABLES["sensitivity"]))


def causes(**values: tuple[float, float, float]) -> pd.DataFrame:
    rows = [
        {"cause": name, "value": v, "low": low, "high": high, "n": 40, "flips": 12, "reproduced": 5}
        for name, (v, low, high) in values.items()
    ]
    return pd.DataFrame(rows, columns=list(witnesses.CAUSES_COLUMNS))


def directions(name: str, *figures: tuple[float, float, float]) -> pd.DataFrame:
    rows = [
        {"perturbation": name, "value": v, "low": low, "high": high, "n": 40, "sign": sign}
        for sign, (v, low, high) in zip((1, -1), figures, strict=False)
    ]
    return pd.DataFrame(rows, columns=[*witnesses.DIRECTIONS_COLUMNS, "sign"])


def correlation(name: str, verdict: str, across: str = "clips", model: str = "m") -> pd.DataFrame:
    value, low, high = {"proxy": (0.6, 0.3, 0.8), "no evidence": (0.1, -0.2, 0.4)}.get(
        verdict, (0.5, -0.9, 0.9)
    )
    row = {
        "across": across,
        "perturbation": name,
        "family": "",
        "strength": math.nan,
        "sensitivity_metric": "total_variation",
        "stability_metric": "total_variation",
        "method": "partial_spearman",
        "given": "margin",
        "value": value,
        "low": low,
        "high": high,
        "p": 0.01,
        "q": 0.02,
        "n": 30,
        "distinct": 30,
        "verdict": verdict,
        "model": model,
        "primary": True,
    }
    return pd.DataFrame([row])


def nothing(name: str) -> pd.DataFrame:
    return tables.empty(name)


def hear(
    seen: pd.DataFrame,
    *,
    sensitive: pd.DataFrame | None = None,
    caused: pd.DataFrame | None = None,
    pointed: pd.DataFrame | None = None,
    correlated: pd.DataFrame | None = None,
    **options: object,
) -> pd.Series:
    """The one row of a table with one perturbation."""
    found = witnesses.table(
        seen,
        sensitivity() if sensitive is None else sensitive,
        causes() if caused is None else caused,
        directions("brightness") if pointed is None else pointed,
        nothing("correlation") if correlated is None else correlated,
        **options,  # type: ignore[arg-type]
    )
    assert len(found) == 1
    row: pd.Series = found.iloc[0]
    return row


SUPPORTED = {"caused": causes(light=(0.4, 0.2, 0.6)), "pointed": directions("brightness", (0.5, 0.3, 0.7))}


def test_all_that_can_tell_speak_for_it() -> None:
    row = hear(variation("gain", 0.1), **SUPPORTED, correlated=correlation("brightness", "proxy"))
    assert row["agreement"] == "for"
    assert [row[f"{who}_vote"] for who in witnesses.WITNESSES] == ["for"] * 5
    assert row["observed"] == pytest.approx(0.1)
    # by hand: the curve of each frame is straight, slope 2 +- 10 %, so at .1 it is .2 +- .02
    assert row["sensitivity"] == pytest.approx(0.2, abs=0.01)
    assert row["sensitivity_low"] < row["sensitivity"] < row["sensitivity_high"]
    assert row["flips"] == pytest.approx(row["sensitivity"] / 2)
    assert (row["flips_seen"], row["flips_reproduced"]) == (12, 5)
    assert (row["partial"], row["partial_n"], row["across"], row["verdict"]) == (0.6, 30, "clips", "proxy")
    assert "5 of 12 flips" in row["sentence"]
    assert row["sentence"].endswith("(variation, sensitivity, causes, direction, correlation).")


def test_between_strengths_the_curve_is_straight_and_beyond_it_ends() -> None:
    curve = sensitivity(spread=0.0)
    curve.loc[curve["strength"] == 0.2, "value"] = 0.9  # total variation at .2; at .1 it is .2
    assert hear(variation("gain", 0.15), sensitive=curve)["sensitivity"] == pytest.approx((0.2 + 0.9) / 2)
    assert hear(variation("gain", 0.025), sensitive=curve)["sensitivity"] == pytest.approx(0.05)
    beyond = hear(variation("gain", 2.0), sensitive=curve)
    assert beyond["sensitivity"] == pytest.approx(1.0)
    assert "at least" in beyond["sensitivity_words"]


@pytest.mark.parametrize(
    ("seen", "vote", "words"),
    [
        (variation("gain", 0.1, error=0.05), "against", "within the meter's error"),
        (variation("gain", 0.1, resolved=0.04), "against", "within the meter's error"),
        (variation("gain", 0.1, resolved=0.5), "for", "changes by 0.1 relative gain"),
        (variation("gain", 0.1, items=1, n=9), "cannot tell", "measured on 9 pairs only"),
        (variation("gain", 0.1, items=1, n=30, valid=0.2), "cannot tell", "measured on 6 pairs only"),
        (variation("hue_deg", 5.0), "cannot tell", "measured on 0 pairs only"),
        (variation("gain", 0.004).drop(columns="error"), "against", "within the meter's error"),
        (variation("gain", 0.1).assign(scale="clip"), "cannot tell", "measured on 0 pairs only"),
    ],
)
def test_variation_votes_only_on_what_was_measured(seen: pd.DataFrame, vote: str, words: str) -> None:
    row = hear(seen, **SUPPORTED)
    assert row["variation_vote"] == vote
    assert words in row["variation_words"]


def test_sensitivity_votes_against_what_hardly_moves_the_output() -> None:
    weak = hear(variation("gain", 0.1), sensitive=sensitivity(per_unit=0.05), **SUPPORTED)  # .005 at .1
    assert weak["sensitivity_vote"] == "against"
    assert weak["agreement"] == "disagree"  # light explains the changes all the same
    floor = hear(variation("gain", 0.1), noise_floor=0.5, **SUPPORTED)
    assert floor["sensitivity_vote"] == "against"
    wide = hear(variation("gain", 0.1), sensitive=sensitivity(per_unit=0.1, spread=1.0), **SUPPORTED)
    assert wide["sensitivity_vote"] == "cannot tell"


@pytest.mark.parametrize(
    ("figures", "vote"),
    [
        ((0.4, 0.2, 0.6), "for"),
        ((0.0, -0.02, 0.03), "against"),
        ((0.1, -0.1, 0.3), "cannot tell"),
        ((math.nan, math.nan, math.nan), "cannot tell"),
    ],
)
def test_causes_and_direction_vote_by_their_intervals(figures: tuple[float, float, float], vote: str) -> None:
    row = hear(
        variation("gain", 0.1), caused=causes(light=figures), pointed=directions("brightness", figures)
    )
    assert (row["causes_vote"], row["direction_vote"]) == (vote, vote)


def test_of_both_signs_of_a_direction_the_better_counts() -> None:
    row = hear(variation("gain", 0.1), pointed=directions("brightness", (-0.3, -0.5, -0.1), (0.4, 0.2, 0.6)))
    assert (row["cosine"], row["direction_vote"]) == (0.4, "for")


def test_a_small_cosine_speaks_for_nothing_and_a_random_change_has_none() -> None:
    small = directions("brightness", (0.15, 0.1, 0.2)).assign(cosine=0.2)
    row = hear(variation("gain", 0.1), pointed=small)
    assert (row["direction_vote"], row["cosine_itself"]) == ("cannot tell", 0.2)
    assert hear(variation("gain", 0.1), pointed=small.assign(cosine=0.4))["direction_vote"] == "for"
    random = directions("brightness", (math.nan, math.nan, math.nan)).assign(cosine=math.nan, spread=0.25)
    row = hear(variation("gain", 0.1), pointed=random)
    assert row["direction_vote"] == "cannot tell"
    assert "the changes it causes are 0.25 of the real ones" in row["direction_words"]


def test_a_cause_does_not_speak_for_what_the_footage_does_not_show() -> None:
    row = hear(variation("gain", 0.1, error=0.05), caused=causes(light=(0.9, 0.8, 1.0)))
    assert row["causes_vote"] == "cannot tell"
    assert "by other changes than this one" in row["causes_words"]
    assert row["agreement"] == "against"


@pytest.mark.parametrize(
    ("verdicts", "vote"),
    [
        (["proxy"], "for"),
        (["no evidence"], "against"),
        (["cannot tell"], "cannot tell"),
        (["cannot tell", "proxy"], "for"),
        (["proxy", "no evidence"], "cannot tell"),
    ],
)
def test_the_correlation_votes_by_its_verdicts(verdicts: list[str], vote: str) -> None:
    rows = [
        correlation("brightness", v, across=a) for v, a in zip(verdicts, ("clips", "frames"), strict=False)
    ]
    row = hear(variation("gain", 0.1), correlated=pd.concat(rows))
    assert row["correlation_vote"] == vote


def test_the_correlation_of_another_model_does_not_count() -> None:
    rows = correlation("brightness", "proxy", model="another")
    assert hear(variation("gain", 0.1), correlated=rows)["correlation_vote"] == "cannot tell"
    across_models = correlation("brightness", "proxy", across="models", model="")
    assert hear(variation("gain", 0.1), correlated=across_models)["correlation_vote"] == "for"


def test_a_family_that_was_trained_with_is_no_judge() -> None:
    row = hear(
        variation("gain", 0.1),
        **SUPPORTED,
        correlated=correlation("brightness", "proxy"),
        trained_families={"light"},
    )
    assert row["contaminated"]
    assert row["correlation_vote"] == "cannot tell"
    assert "trained with this family" in row["sentence"]
    other = hear(variation("gain", 0.1), **SUPPORTED, trained_families={"geometry"})
    assert not other["contaminated"]


def test_a_foreign_correlation_table_has_the_contract_columns_only() -> None:
    rows = correlation("brightness", "proxy").drop(columns=["model", "primary"])
    assert hear(variation("gain", 0.1), correlated=rows)["correlation_vote"] == "for"


def test_affine_speaks_for_a_rotation_only_beyond_the_shift() -> None:
    seen, curve = variation("rotation_deg", 1.0), sensitivity("rotation", 0.1)
    alone = hear(seen, sensitive=curve, caused=causes(shift=(0.05, 0.0, 0.1), affine=(0.5, 0.3, 0.7)))
    assert alone["causes_vote"] == "for"
    shared = hear(seen, sensitive=curve, caused=causes(shift=(0.45, 0.3, 0.6), affine=(0.5, 0.3, 0.7)))
    assert shared["causes_vote"] == "cannot tell"
    assert "the shift alone explains 0.45" in shared["causes_words"]


def test_the_parts_speak_where_the_camera_rests() -> None:
    resting = [variation("shift_x_px", 0.01, error=0.02), variation("shift_y_px", 0.01, error=0.02)]
    parts = [variation("part_shift_x_px", 3.0), variation("part_shift_y_px", 1.0)]
    explained = causes(shift=(0.0, -0.01, 0.01), motion=(0.5, 0.3, 0.7))
    row = hear(pd.concat([*resting, *parts]), sensitive=sensitivity("translation", 0.1), caused=explained)
    assert row["of_parts"]
    assert (row["observed"], row["axes"]) == (pytest.approx(3.0), pytest.approx((3.0, 1.0)))
    assert (row["cause"], row["causes_vote"]) == ("motion", "for")
    camera = [variation("shift_x_px", 2.0), variation("shift_y_px", 0.5)]
    row = hear(pd.concat([*camera, *parts]), sensitive=sensitivity("translation", 0.1), caused=explained)
    assert not row["of_parts"]
    assert row["axes"] == pytest.approx((2.0, 0.5))
    assert row["causes_vote"] == "against"


@pytest.mark.parametrize(
    ("votes", "agreement"),
    [
        (("for", "for", "for", "cannot tell", "cannot tell"), "for"),
        (("for", "for", "cannot tell", "cannot tell", "cannot tell"), "cannot tell"),
        (("for", "for", "for", "against", "cannot tell"), "disagree"),
        (("against", "for", "for", "for", "for"), "disagree"),
        (("for", "for", "cannot tell", "against", "cannot tell"), "against"),
        (("for", "cannot tell", "for", "cannot tell", "cannot tell"), "cannot tell"),
        (("cannot tell",) * 5, "cannot tell"),
    ],
)
def test_agreement(votes: tuple[str, ...], agreement: str) -> None:
    assert witnesses.agree(dict(zip(witnesses.WITNESSES, votes, strict=True))) == agreement


def test_one_clip_is_pooled_to_itself_and_equal_clips_to_each() -> None:
    one = np.array([[0.1, 0.5, 0.9]])
    assert pooled_p99(one, np.array([50.0])) == pytest.approx(0.9)
    assert pooled_p99(np.repeat(one, 4, axis=0), np.array([5.0, 50.0, 7.0, 1.0])) == pytest.approx(0.9)


def test_pooling_is_the_percentile_of_all_pairs() -> None:
    """Oracle: the percentile of samples drawn from the same broken lines, in one heap."""
    clips = np.array([[0.1, 0.2, 0.3], [0.5, 1.0, 2.0], [0.0, 0.0, 0.1]])
    counts = np.array([3000, 1000, 500])
    heap = np.concatenate(
        [
            np.interp((np.arange(n) + 0.5) / n, [0, 0.5, 0.95, 0.99], [0, *row])
            for row, n in zip(clips, counts, strict=True)
        ]
    )
    assert pooled_p99(clips, counts.astype(float)) == pytest.approx(np.percentile(heap, 99), rel=0.02)


def test_several_models_need_a_name() -> None:
    both = pd.concat([sensitivity(), sensitivity().assign(model="other")])
    with pytest.raises(InputError, match="name one of m, other"):
        hear(variation("gain", 0.1), sensitive=both)
    assert hear(variation("gain", 0.1), sensitive=both, model="other")["model"] == "other"
    with pytest.raises(InputError, match="no sensitivity of model 'third'"):
        hear(variation("gain", 0.1), sensitive=both, model="third")


def test_without_any_sensitivity_the_table_is_empty_and_has_its_columns() -> None:
    found = witnesses.table(
        nothing("variation"),
        nothing("sensitivity"),
        causes(),
        directions("brightness"),
        nothing("correlation"),
    )
    assert len(found) == 0
    assert {"perturbation", "observed", "agreement", "sentence"} <= set(found.columns)


def test_every_pairing_names_what_exists() -> None:
    for name, asked in PAIRINGS.items():
        assert name in PERTURBATIONS
        for quantity in (*asked.quantities, *asked.part_quantities):
            assert quantity in UNITS
            assert quantity in RESOLUTION
        assert asked.quantities or asked.not_measured
        assert set(asked.look_alikes) <= set(PAIRINGS)
    natural = {entry.key for entry in suite("natural")}
    unasked = natural - set(PAIRINGS)
    assert unasked == {"quantization", "horizontal_flip", "impulse_noise", "occlusion", "patch_gaussian"}


def test_the_scale_is_a_choice() -> None:
    seen = pd.concat([variation("gain", 0.1), variation("gain", 0.4).assign(scale="clip")])
    assert hear(seen)["observed"] == pytest.approx(0.1)
    assert hear(seen, thresholds=Thresholds(scale="clip"))["observed"] == pytest.approx(0.4)


def test_blurs_of_one_sharpness_have_the_variance_of_the_gaussian() -> None:
    """Oracle: second moments of the catalogue's own kernels, px^2 an axis, the mean over directions."""

    def variance(kernel: np.ndarray) -> float:
        y, x = np.indices(kernel.shape)
        weights = kernel / kernel.sum()
        return float(sum((weights * a**2).sum() - (weights * a).sum() ** 2 for a in (x, y)) / 2)

    sigma = 3.0
    line = [
        variance(line_kernel(PAIRINGS["motion_blur"].strength_per_unit * sigma, angle))
        for angle in np.linspace(0, np.pi, 16, endpoint=False)
    ]
    # its points include both ends and are shared among pixels, which widens the line by some 3 %
    assert np.mean(line) == pytest.approx(sigma**2, rel=0.05)
    disk = disk_kernel(PAIRINGS["defocus_blur"].strength_per_unit * sigma)
    assert variance(disk) == pytest.approx(sigma**2, rel=0.03)


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "speckle_noise"])
def test_noises_of_one_sigma_have_it_at_mid_grey(name: str) -> None:
    grey = torch.full((1, 3, 80, 80), 127, dtype=torch.uint8)
    strength = PAIRINGS[name].strength_per_unit * 8.0
    changed = PERTURBATIONS[name].apply(grey, strength, torch.Generator().manual_seed(0))
    assert float(changed.double().std()) == pytest.approx(8.0, rel=0.03)
