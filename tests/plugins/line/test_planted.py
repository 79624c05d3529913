"""What was planted, in the units of the tables: hand counts on made truths."""

import numpy as np
import pandas as pd
import pytest
from truth import planted_state

from vidrobust.plugins.line.demo import SPREAD, planted_spread
from vidrobust.plugins.line.dials import DIALS


def truth(**columns):
    """Two clips of 41 frames, all dials at rest but those given; each course serves both clips."""
    rest = {"gain": 1.0, "hue_deg": 0.0, "shake_x_px": 0.0, "shake_y_px": 0.0, "focus_px": 0.0}
    table = pd.DataFrame({**rest, "noise": 0.0, "speed_px": 2.0, "whole": True}, index=range(82))
    table["item"] = ["a"] * 41 + ["b"] * 41
    return table.assign(**{name: [*course, *course] for name, course in columns.items()})


def test_spreads_are_half_the_distance_of_the_percentiles_about_each_clips_median():
    ramp = np.linspace(-10, 10, 41)  # 95 % of it reach from -9.5 to 9.5
    gain, focus = np.exp(ramp / 20), np.sqrt(ramp + 10)
    of = {"shake_x_px": list(ramp), "gain": list(gain), "focus_px": list(focus)}
    found = planted_spread(truth(**of))
    assert found["shift_x_px"] == pytest.approx(9.5, abs=0.01)
    assert found["gain"] == pytest.approx(np.expm1(9.5 / 20), rel=1e-3)
    assert found["sharpness"] == pytest.approx(np.sqrt(19), rel=1e-3)  # variances from 0.5 to 19.5
    assert found["shift_y_px"] == found["hue_deg"] == 0.0


def test_a_difference_between_clips_is_no_spread_and_frames_with_half_a_part_do_not_count():
    table = truth()
    table.loc[table["item"] == "b", "hue_deg"] = 30.0
    table.loc[0, ["hue_deg", "whole"]] = [90.0, False]
    assert planted_spread(table)["hue_deg"] == 0.0


def test_noise_is_that_of_the_dial_and_the_sensor_and_the_belt_runs_either_way():
    found = planted_state(truth(noise=[3.0] * 41, speed_px=[-6.0] * 41))
    assert found == {"noise_sigma": pytest.approx(np.hypot(3, 0.25)), "part_shift_x_px": 6.0}


def test_every_quantity_of_a_dial_can_be_planted():
    quantities = {quantity for dial in DIALS for quantity in dial.quantities}
    assert quantities == {*SPREAD, *planted_state(truth())}
