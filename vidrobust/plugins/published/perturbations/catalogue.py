"""PERTURBATIONS: all perturbations of the published suites, in the order of the suites."""

from __future__ import annotations

from vidrobust.plugins.published.perturbations import (
    c_bar,
    cifar_c,
    elastic_authors,
    imagenet_c,
    sequences,
    shift,
    tiny_imagenet_c,
)

PERTURBATIONS = tuple(
    entry
    for module in (shift, imagenet_c, elastic_authors, c_bar, sequences, cifar_c, tiny_imagenet_c)
    for entry in module.PERTURBATIONS
)
