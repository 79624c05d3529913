"""Each perturbation in the words of the line: "a brightness change of 10 %", with the unit of its axis.

The report reads tables only and so cannot ask the catalogue, which needs torch; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vidrobust.text.numbers import number


@dataclass(frozen=True)
class Phrase:
    """How to speak of one perturbation.

    noun     its name · family and unit  those of the catalogue
    saying   a sentence's subject, with the strength as ``{s}``, as a percentage ``{p}``, or 100 less it ``{q}``
    """

    noun: str
    family: str
    unit: str
    saying: str


def _phrases(*rows: tuple[str, str, str, str, str]) -> Mapping[str, Phrase]:
    return MappingProxyType({key: Phrase(*rest) for key, *rest in rows})


PHRASES = _phrases(
    ("brightness", "brightness", "light", "relative gain", "a brightness change of {p}"),
    ("exposure_offset", "exposure offset", "light", "levels of 255", "a black level {s} grey levels off"),
    ("contrast", "contrast", "light", "relative gain", "a contrast change of {p}"),
    ("gamma", "gamma", "light", "relative exponent", "a gamma change of {p}"),
    ("saturation", "saturation", "colour", "relative gain", "a saturation change of {p}"),
    ("hue", "hue", "colour", "deg", "a hue turn of {s}°"),
    ("white_balance", "white balance", "colour", "relative red to blue gain", "a white balance {p} off"),
    ("quantization", "quantization", "compression", "bits lost of 8", "losing {s} of 8 bits"),
    ("translation", "shift", "geometry", "px", "a shift of {s} px"),
    ("rotation", "rotation", "geometry", "deg", "a turn of {s}°"),
    ("scale", "scale", "geometry", "relative size", "a change of size of {p}"),
    ("shear", "shear", "geometry", "deg", "a shear of {s}°"),
    ("perspective", "perspective", "geometry", "relative half side", "a perspective tilt of up to {p}"),
    ("horizontal_flip", "mirroring", "geometry", "probability", "mirroring"),
    ("gaussian_blur", "Gaussian blur", "blur", "sigma px", "a blur of sigma {s} px"),
    ("motion_blur", "motion blur", "blur", "length px", "a motion blur {s} px long"),
    ("defocus_blur", "defocus", "blur", "radius px", "a defocus of radius {s} px"),
    ("sharpening", "sharpening", "blur", "amount", "sharpening by {s}"),
    ("gaussian_noise", "Gaussian noise", "noise", "sigma, levels of 255", "noise of {s} grey levels"),
    ("shot_noise", "shot noise", "noise", "sigma at white, levels of 255", "shot noise of {s} grey levels"),
    ("impulse_noise", "impulse noise", "noise", "share of values", "salt and pepper on {p} of the values"),
    ("speckle_noise", "speckle noise", "noise", "sigma, relative to the level", "speckle noise of {p}"),
    ("jpeg", "JPEG", "compression", "100 - quality", "JPEG compression at quality {q}"),
    ("h264", "H.264", "compression", "raw bits over coded bits", "H.264 compression {s} to 1"),
    ("occlusion", "occlusion", "occlusion", "side over the shorter side", "a square of {p} of the side hidden"),
    ("patch_gaussian", "patch Gaussian", "occlusion", "sigma, levels of 255", "a patch with noise of {s} levels"),
    ("dead_pixels", "dead pixels", "camera", "pixels of a million", "{s} dead pixels in a million"),
    ("hot_pixels", "hot pixels", "camera", "pixels of a million", "{s} hot pixels in a million"),
    ("stuck_lines", "stuck lines", "camera", "rows or columns", "{s} stuck rows or columns"),
    ("fixed_pattern_noise", "fixed pattern noise", "camera", "sigma, levels of 255",
     "fixed pattern noise of {s} grey levels"),
    ("vignetting", "vignetting", "camera", "share of light lost in the corner", "vignetting of {p}"),
    ("uneven_lighting", "uneven lighting", "camera", "relative gain at the corner", "lighting uneven by {p}"),
    ("specular_glare", "specular glare", "camera", "share of full scale at its peak", "a glare of {p}"),
    ("lens_dust", "lens dust", "camera", "opacity", "dust of opacity {p}"),
    ("lens_smear", "lens smear", "camera", "share at the thickest place", "a smear of {p}"),
    ("rolling_shutter", "rolling shutter", "camera", "px from the first row to the last",
     "a rolling shutter of {s} px"),
    ("flicker", "lamp flicker", "time", "relative depth", "a lamp flicker {p} deep"),
    ("banding", "banding", "time", "relative depth", "bands {p} deep"),
    ("exposure_drift", "exposure drift", "time", "relative gain", "an exposure drift of {p}"),
    ("focus_drift", "focus drift", "time", "sigma px", "a focus drift of sigma {s} px"),
    ("repeated_frames", "repeated frames", "time", "share of frames", "{p} of the frames repeated"),
    ("dropped_frames", "dropped frames", "time", "share of frames", "{p} of the frames dropped"),
)  # fmt: skip
"""By the key of the catalogue. Severities of the other suites are spoken of as such."""

FAMILIES = (
    "light",
    "colour",
    "geometry",
    "blur",
    "noise",
    "compression",
    "occlusion",
    "weather",
    "camera",
    "time",
)


def phrase(key: str) -> Phrase:
    """The phrase of a perturbation; of one that is not listed, from its name."""
    if key in PHRASES:
        return PHRASES[key]
    suite, _, name = key.rpartition(":")
    noun = name.replace("_", " ")
    unit = "severity" if suite.startswith("imagenet-c") else "strength"
    family = PHRASES[name].family if name in PHRASES else "other"
    said = f"{noun} of {suite}" if suite else noun
    return Phrase(said, family, unit, f"{said} at {unit} {{s}}")


def saying(key: str, strength: float) -> str:
    """The perturbation at a strength, as the subject of a sentence."""
    return phrase(key).saying.format(
        s=number(strength, 3), p=f"{number(100 * strength, 3)} %", q=number(100 - strength, 3)
    )
