"""Which measured quantity of the footage, which replayed cause and which perturbation belong together.

One flat table. ``strength_per_unit`` turns an absolute change of the quantity into a strength of the
perturbation, both as their own modules define them:

    quantity            change        perturbation      strength
    gain                |ratio - 1|   brightness        levels times 1 + s, or divided by it
    offset              levels        exposure_offset   levels added or taken away
    saturation          |ratio - 1|   saturation        distance from the pixel's luma times 1 + s, or divided
    hue_deg             degrees       hue               degrees of the HSV circle
    white_balance       |ratio - 1|   white_balance     ratio of red to blue times 1 + s, or divided by it
    shift_x_px, _y_px   px            translation       px of the frame, along one axis
    rotation_deg        degrees       rotation          degrees
    zoom                |ratio - 1|   scale             size times 1 + s, or divided by it
    sharpness           sigma px      gaussian_blur     sigma px
                                      motion_blur       length L = sqrt(24) sigma: a line of that length in any
                                                        direction has the mean variance L^2 / 24 an axis
                                      defocus_blur      radius r = 2 sigma: a disk has the variance r^2 / 4
    noise_sigma         levels        gaussian_noise    sigma in levels
                                      shot_noise        sigma at white: sqrt(2) sigma, so that it is right at
                                                        mid-grey; speckle_noise: sigma / 127.5, likewise

A change downwards, |ratio - 1| = d, is the strength d / (1 - d) of the catalogue; the meter's percentiles mix
both directions, so d is taken: it never says more than was seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """What the witnesses are asked about one perturbation.

    quantities         of the variation table; the largest counts, and an axis is kept apart; empty: not measured
    part_quantities    the same of the moving parts, asked where the camera rests
    causes             of the replay, the plainest first
    strength_per_unit  strength for a change of one unit; NaN where no such number exists
    look_alikes        perturbations that the same quantity could mean; the best-supported one is recommended
    not_measured       why there is no size, for a reader
    """

    quantities: tuple[str, ...] = ()
    part_quantities: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    strength_per_unit: float = 1.0
    look_alikes: tuple[str, ...] = ()
    not_measured: str = ""


_BLURS = ("gaussian_blur", "motion_blur", "defocus_blur")
_NOISES = ("gaussian_noise", "shot_noise", "speckle_noise")
_NOT_METERED = "the variation meter does not measure it"
_NO_SIZE = "the footage's block edges are measured in levels, which do not tell a quality or a bit rate"

PAIRINGS: Mapping[str, Pairing] = MappingProxyType(
    {
        "brightness": Pairing(quantities=("gain",), causes=("light",)),
        "exposure_offset": Pairing(quantities=("offset",), causes=("light",)),
        "contrast": Pairing(
            causes=("light",), not_measured="a change of contrast is measured as gain and offset together"
        ),
        "gamma": Pairing(causes=("light",), not_measured=_NOT_METERED),
        "saturation": Pairing(quantities=("saturation",), causes=("colour",)),
        "hue": Pairing(quantities=("hue_deg",), causes=("colour",)),
        "white_balance": Pairing(quantities=("white_balance",), causes=("colour",)),
        "translation": Pairing(
            quantities=("shift_x_px", "shift_y_px"),
            part_quantities=("part_shift_x_px", "part_shift_y_px"),
            causes=("shift", "motion"),
        ),
        "rotation": Pairing(
            quantities=("rotation_deg",), part_quantities=("part_rotation_deg",), causes=("affine", "motion")
        ),
        "scale": Pairing(quantities=("zoom",), part_quantities=("part_zoom",), causes=("affine", "motion")),
        "shear": Pairing(causes=("affine",), not_measured=_NOT_METERED),
        "perspective": Pairing(causes=("motion",), not_measured=_NOT_METERED),
        "gaussian_blur": Pairing(quantities=("sharpness",), causes=("sharpness",), look_alikes=_BLURS),
        "motion_blur": Pairing(
            quantities=("sharpness",),
            causes=("sharpness",),
            strength_per_unit=math.sqrt(24),
            look_alikes=_BLURS,
        ),
        "defocus_blur": Pairing(
            quantities=("sharpness",), causes=("sharpness",), strength_per_unit=2.0, look_alikes=_BLURS
        ),
        "sharpening": Pairing(
            causes=("sharpness",),
            not_measured="a gain of sharpness is the loss of it seen backwards, and is trained as blur",
        ),
        "gaussian_noise": Pairing(quantities=("noise_sigma",), look_alikes=_NOISES),
        "shot_noise": Pairing(
            quantities=("noise_sigma",), strength_per_unit=math.sqrt(2), look_alikes=_NOISES
        ),
        "speckle_noise": Pairing(
            quantities=("noise_sigma",), strength_per_unit=1 / 127.5, look_alikes=_NOISES
        ),
        "jpeg": Pairing(quantities=("blockiness",), strength_per_unit=math.nan, not_measured=_NO_SIZE),
        "h264": Pairing(quantities=("blockiness",), strength_per_unit=math.nan, not_measured=_NO_SIZE),
    }
)
"""By the key of the perturbation. Others are not measured in footage and get no step."""

RESOLUTION: Mapping[str, float] = MappingProxyType(
    {
        "gain": 0.005,
        "offset": 1.0,
        "saturation": 0.02,
        "hue_deg": 1.0,
        "white_balance": 0.01,
        "shift_x_px": 0.1,
        "shift_y_px": 0.1,
        "rotation_deg": 0.05,
        "zoom": 0.001,
        "sharpness": 0.3,
        "noise_sigma": 0.3,
        "blockiness": 0.3,
        "part_shift_x_px": 0.25,
        "part_shift_y_px": 0.25,
        "part_rotation_deg": 0.25,
        "part_zoom": 0.005,
    }
)
"""Changes no larger than this are taken for none where the table does not bring its own ``error``."""


def pairing(perturbation: str) -> Pairing:
    """The pairing of a perturbation; an empty one for what the footage cannot be asked about."""
    return PAIRINGS.get(perturbation, Pairing(not_measured=_NOT_METERED))
