"""Colours of the figures, seen with three kinds of colour blindness and on both papers.

The oracle is colorspacious: CAM02-UCS (Luo et al. 2006) and the simulation of Machado et al. 2009.
"""

from itertools import combinations

import numpy as np
import pytest
from colorspacious import cspace_converter

from vidrobust.report.drawing import THEMES

HUES = ("c1", "c2", "c3", "c4", "c5", "grey")
KINDS = ("none", "protanomaly", "deuteranomaly", "tritanomaly")


def rgb(colour):
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255


def luminance(colour):
    """WCAG 2.2, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_of_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES)
def test_every_hue_stands_out_from_the_paper(theme):
    colours = THEMES[theme]
    assert min(contrast(colours[name], colours["paper"]) for name in HUES) >= 3  # WCAG 1.4.11
    assert contrast(colours["ink"], colours["paper"]) >= 7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theme", THEMES)
def test_hues_differ_for_everybody(theme, kind):
    seen = np.array([rgb(THEMES[theme][name]) for name in HUES])
    if kind != "none":
        blind = {"name": "sRGB1+CVD", "cvd_type": kind, "severity": 100}
        seen = np.clip(cspace_converter(blind, "sRGB1")(seen), 0, 1)
    places = cspace_converter("sRGB1", "CAM02-UCS")(seen)
    # the orange and the brown of before differed by 3 for a deuteranope
    assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 13
