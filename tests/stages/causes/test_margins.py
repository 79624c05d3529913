"""The margin of t+1 without a cause, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.stages.causes.margins import Margins, lead_of

NAN = float("nan")


def margins(undone: float, noise: float) -> Margins:
    """Two flips of two causes; the first one is undone in the first flip alone."""
    return Margins(
        before=np.array([1.0, 1.0]),
        past=np.array([0.5, 0.5]),
        step=np.array([[0.9, 0.3], [0.9, 0.3]]),
        undone=np.array([[undone, NAN], [NAN, NAN]]),
        noise=np.array([noise, noise]),
    )


def test_lead() -> None:
    assert lead_of(np.array([1.0, 3.0, 2.5]), 1) == 0.5
    assert lead_of(np.array([1.0, 3.0, 2.5]), 0) == -2.0


def test_a_cause_that_is_undone_and_one_that_is_added() -> None:
    margin, error = margins(0.8, 0.3).without([0])
    # by the step .9 - .5 = .4; undone .8, so that undoing errs by (.4^2 / 2 + .3^2) / 2 = .085; added: 1 - .3 =
    # .7, which errs by .3^2 + .1^2 = .1; weights .1 / .185 and .085 / .185
    assert margin == pytest.approx([(0.1 * 0.8 + 0.085 * 0.7) / 0.185, (0.1 * 0.4 + 0.085 * 0.7) / 0.185])
    assert error == pytest.approx(np.sqrt(0.1 * 0.085 / 0.185))


def test_what_comes_with_a_cause_goes_with_it() -> None:
    margin, _ = margins(0.8, 1e9).without([0, 1])
    assert margin == pytest.approx([0.8, 1.2 - 0.5])


def test_without_noise_the_steps_alone_are_added() -> None:
    margin, error = margins(0.8, 0.1).without_noise()
    assert margin == pytest.approx([-0.2, -0.2])
    # steps .3^2 + .1^2; left over 1 + .5 - 1.2 = .3, of which noise holds .1
    assert error == pytest.approx(np.sqrt(0.09 + 0.01 + 0.3**2 - 0.1**2))


def test_nothing_is_known_of_a_pair_that_was_not_replayed() -> None:
    lost = Margins(
        before=np.array([1.0]),
        past=np.array([0.5]),
        step=np.array([[NAN, NAN]]),
        undone=np.array([[NAN, NAN]]),
        noise=np.array([NAN]),
    )
    assert np.isnan(lost.without([0])[0]).all()
    assert np.isnan(lost.without_noise()[0]).all()
