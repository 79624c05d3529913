"""The spread of planted conditions, from made pairs and from rendered frames."""

import numpy as np
import pandas as pd
import pytest

from tests.made_frames import batch_of, texture
from vidrobust.stages.variation.meter import VariationMeter
from vidrobust.stages.variation.spread import CONDITIONS, QUANTITIES, spread_of, title_of

FRAMES = 100


def pairs(quantity, value, error=0.0, scale="clip"):
    table = pd.DataFrame({"frame_b": np.arange(1, len(value) + 1), "value": value, "error": error})
    return table.assign(item="clip", frame_a=0, scale=scale, quantity=quantity, valid=True)


def row(table, quantity, item=""):
    return table[(table["quantity"] == quantity) & (table["item"] == item)].iloc[0]


def test_half_the_distance_of_the_percentiles_less_the_meters_error():
    value = np.linspace(-10, 10, 2001)
    found = row(spread_of(pairs("hue_deg", value), {"clip": 640}), "hue_deg")
    # the 2.5th and 97.5th percentile of -10 to 10
    assert found["spread"] == pytest.approx(9.5, abs=0.02)
    noisy = row(spread_of(pairs("hue_deg", value, error=4.0), {"clip": 640}), "hue_deg")
    assert noisy["spread"] == pytest.approx(np.sqrt(9.5**2 - (1.96 * 4) ** 2), abs=0.02)
    calm = row(spread_of(pairs("hue_deg", value / 100, error=4.0), {"clip": 640}), "hue_deg")
    assert calm["spread"] == 0.0


def test_lengths_are_shares_of_each_clips_own_width():
    value = np.linspace(-8, 8, 2001)
    small = pairs("shift_x_px", value / 4).assign(item="small")
    both = pd.concat([pairs("shift_x_px", value), small], ignore_index=True)
    table = spread_of(both, {"clip": 640, "small": 160})
    for item in ("clip", "small", ""):
        assert row(table, "shift_x_px", item)["share"] == pytest.approx(7.6 / 640, rel=0.01)


def test_differences_stand_in_where_the_first_frame_is_out_of_sight():
    rng = np.random.default_rng(0)
    condition = rng.normal(0, 3, 4000)
    lost = pairs("hue_deg", np.zeros(20)).assign(valid=False)
    near = pairs("hue_deg", np.diff(condition), scale="adjacent")
    found = row(spread_of(pd.concat([lost, near]), {"clip": 640}), "hue_deg")
    assert found["basis"] == "adjacent"
    assert found["spread"] == pytest.approx(1.96 * 3, rel=0.05)


def test_too_few_values_tell_nothing():
    found = row(spread_of(pairs("gain", np.ones(3)), {"clip": 640}), "gain")
    assert found["n"] == 0
    assert np.isnan(found["spread"])


@pytest.mark.parametrize(
    ("gain", "planted"),
    [
        (1 + 0.08 * np.sin(2 * np.pi * 0.37 * np.arange(FRAMES)), 0.08),
        (1 + 0.2 * np.arange(FRAMES) / FRAMES, 0.2 / 2 / 1.1),  # from 1 to 1.2, about 1.1
    ],
    ids=["flicker", "drift"],
)
def test_planted_light_comes_out_within_a_quarter(gain, planted):
    rng = np.random.default_rng(1)
    still = 0.6 * texture(3, 120, 160).astype(np.float64)
    meter = VariationMeter("clip", 25.0, content="made")
    for start in range(0, FRAMES, 25):
        made = [still * gain[t] + rng.normal(0, 2, still.shape) for t in range(start, start + 25)]
        frames = np.clip(np.rint(np.stack(made)), 0, 255).astype(np.uint8)
        meter.feed(batch_of(frames, first=start, item="clip"))


def test_every_quantity_is_named_and_named_once():
    titles = [each.title for each in QUANTITIES.values()]
    assert len(set(titles)) == len(titles)
    assert set(CONDITIONS) <= set(QUANTITIES)
    assert title_of("hue_deg") == "hue"
    assert title_of("a_new_one") == "a_new_one"
