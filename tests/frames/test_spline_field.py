"""Spline fields against scipy's B-splines."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import BSpline

from vidrobust.frames.spline_field import field_of, lattice_side, spline_basis


def test_the_splines_are_scipys() -> None:
    knots = lattice_side(100.0, 20.0)
    basis = spline_basis(50, 2.0, 20.0, knots)
    at = (np.arange(50) + 0.5) * 2
    for k in range(knots):
        # scipy's cubic B-spline with knots k - 3 ... k + 1 spacings, 0 outside
        own = BSpline.basis_element(20.0 * np.arange(k - 3, k + 2), extrapolate=False)
        assert np.allclose(np.nan_to_num(own(at)), basis[:, k], atol=1e-12)
    assert np.allclose(basis.sum(axis=1), 1)


def test_a_lattice_of_one_value_is_a_flat_field() -> None:
    knots = np.full((lattice_side(30, 8.0), lattice_side(50, 8.0)), 0.7)
    assert np.allclose(field_of(knots, (30, 50), 8.0), 0.7, atol=1e-6)
