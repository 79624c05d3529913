"""PERTURBATIONS: all perturbations of the published suites, in the order of the suites."""

from __future__ import annotations

from vidrobust.plugins.published.perturbations import c_bar, imagenet_c, sequences, shift, small_c

PERTURBATIONS = (
    *shift.PERTURBATIONS,
    *imagenet_c.PERTURBATIONS,
    *small_c.ELASTIC_OF_AUTHORS,
    *c_bar.PERTURBATIONS,
    *sequences.PERTURBATIONS,
    *small_c.PERTURBATIONS,
)
