"""The margin of t+1 without a cause, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.stages.causes.margins import Margins, lead_of

NAN = float("nan")
BOTH = np.array([True, True])


def margins(undone: float, noise: float = 0.0, noise_undone: float = NAN) -> Margins:
    """Two flips of two causes; the first one is undone in the first flip alone, and so is noise."""
    return Margins(
        before=np.array([1.0, 1.0]),
        past=np.array([0.5, 0.5]),
        step=np.array([[0.9, 0.3], [0.9, 0.3]]),
        undone=np.array([[undone, NAN], [NAN, NAN]]),
        noise=np.array([noise, noise]),
        noise_undone=np.array([noise_undone, NAN]),
    )


def test_lead() -> None:
    assert lead_of(np.array([1.0, 3.0, 2.5]), 1) == 0.5
    assert lead_of(np.array([1.0, 3.0, 2.5]), 0) == -2.0


def test_a_cause_that_is_undone_and_one_that_is_not() -> None:
    margin, error = margins(0.8).without(0, BOTH)
    # by the step .9 - .5 = .4; undone .8, which errs by (.4^2 / 2 + .3^2) / 2
    assert margin == pytest.approx([0.8, 0.4])
    assert error == pytest.approx(np.sqrt(0.085))


def test_where_nothing_is_undone_the_step_errs_by_a_third_of_itself() -> None:
    margin, error = margins(NAN).without(0, BOTH)
    assert margin == pytest.approx([0.4, 0.4])
    assert error == pytest.approx(0.3)


def test_nothing_goes_with_a_cause_that_was_not_measured() -> None:
    margin, _ = margins(0.8).without(0, ~BOTH, [1])
    assert margin == pytest.approx([0.4, 0.4])


def test_what_comes_with_a_cause_goes_with_it() -> None:
    margin, _ = margins(0.8).without(0, BOTH, [1])
    assert margin == pytest.approx([0.8, 1.2 - 0.5])


def test_without_noise_t_is_brought_onto_t_1_or_all_steps_are_taken() -> None:
    margin, error = margins(NAN, 0.6, 0.1).without_noise()
    # by the steps 1 - 1.2 = -.2; brought .1, which errs by (.3^2 / 2 + .2^2) / 2
    assert margin == pytest.approx([0.1, -0.2])
    assert error == pytest.approx(np.sqrt((0.045 + 0.04) / 2))


def test_nothing_is_known_of_a_pair_that_was_not_replayed() -> None:
    lost = Margins(
        before=np.array([1.0]),
        past=np.array([0.5]),
        step=np.array([[NAN, NAN]]),
        undone=np.array([[NAN, NAN]]),
        noise=np.array([NAN]),
        noise_undone=np.array([NAN]),
    )
    assert np.isnan(lost.without(0, np.array([True]))[0]).all()
    assert np.isnan(lost.without_noise()[0]).all()
