"""A change of colour that is no linear map: what each hue becomes, in proportion to how strong the colour is.

    colour  =  grey + chroma x u(hue)        chroma = max - min of the channels, hue on the hexagon, 0 to 6
    becomes    matrix colour + constant + chroma x v(hue)

v is piecewise linear and periodic, with knots 15 degrees of hue apart. A turn of the HSV hue is of this form,
since it keeps grey, max and min of a colour and moves the channel between them linearly; so is any 3 x 3 map,
with v = 0.
"""

from __future__ import annotations

import numpy as np

KNOTS = 24
"""Hues at which v is free."""


def chroma_of(colours: np.ndarray) -> np.ndarray:
    """(...) max less min of the channels of (..., 3) colours, levels."""
    return np.asarray(colours.max(axis=-1) - colours.min(axis=-1))


def hue_of(colours: np.ndarray) -> np.ndarray:
    """(...) the hue of (..., 3) colours on the hexagon of HSV, in [0, 6); 0 of grey."""
    red, green, blue = (colours[..., k] for k in range(3))
    most, chroma = colours.max(axis=-1), np.maximum(chroma_of(colours), 1e-6)
    hue = np.where(
        most == red,
        (green - blue) / chroma,
        np.where(most == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
    )
    return np.asarray(np.mod(hue, 6))


def basis(colours: np.ndarray) -> np.ndarray:
    """(n, KNOTS) of (n, 3) colours: chroma x the hat function of each knot at the colour's hue."""
    place = hue_of(colours) * (KNOTS / 6)
    below = np.floor(place).astype(int)
    part, chroma, rows = place - below, chroma_of(colours), np.arange(len(colours))
    made = np.zeros((len(colours), KNOTS))
    made[rows, below % KNOTS] = chroma * (1 - part)
    made[rows, (below + 1) % KNOTS] += chroma * part
    return made


def added(colours: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(..., 3) float32: chroma x v(hue) of (..., 3) float32 colours; values (KNOTS, 3), v at the knots."""
    place = hue_of(colours) * np.float32(KNOTS / 6)
    below = np.floor(place).astype(np.int32)
    part = (place - below).astype(np.float32)[..., None]
    table = values.astype(np.float32)
    v = table[below % KNOTS] * (1 - part) + table[(below + 1) % KNOTS] * part
    return np.asarray(v * chroma_of(colours)[..., None])


def turn_deg(before: np.ndarray, after: np.ndarray) -> float:
    """By how much the hue turned from (n, 3) colours to (n, 3) others: the mean direction, weighed by chroma."""
    weight = np.minimum(chroma_of(before), chroma_of(after))
    angle = (hue_of(after) - hue_of(before)) * (np.pi / 3)
    return float(np.degrees(np.angle((weight * np.exp(1j * angle)).sum())))
