"""Numbers and names as a reader wants them: percentages, one in so many, intervals, short class names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

NOT_MEASURED = "not measured"
NO_INTERVAL = "no interval"
FEWEST = 10
"""Frames or pairs below which nothing is stated."""
LONGEST_NAME = 26
"""Characters of a class name that fit in a legend or under a picture."""

EXCLUSIONS = {
    "frame_size": "the frame size changes",
    "corrupt": "a frame was damaged in decoding",
    "scene_cut": "a scene cut lies between the frames",
    "duplicate": "both frames are the same picture",
    "motion": "the picture moves further than the motion limit",
}
QUANTITIES = {
    "gain": "brightness (gain)",
    "offset": "black level (offset)",
    "saturation": "saturation",
    "hue_deg": "hue",
    "white_balance": "white balance, red to blue",
    "white_balance_rg": "white balance, red to green",
    "white_balance_bg": "white balance, blue to green",
    "shift_x_px": "camera shift, along x",
    "shift_y_px": "camera shift, along y",
    "rotation_deg": "camera turn",
    "zoom": "camera zoom",
    "sharpness": "sharpness",
    "noise_sigma": "noise",
    "blockiness": "block edges of the codec",
    "moving_share": "share that moves by itself",
    "part_shift_x_px": "parts' shift, along x",
    "part_shift_y_px": "parts' shift, along y",
    "part_rotation_deg": "parts' turn",
    "part_zoom": "parts' zoom",
}
SCALES = {"adjacent": "neighbours", "second": "1 s apart", "clip": "over the shot"}


def known(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 2) -> str:
    """Two significant digits, no exponent, a true minus: 0.031, 4.7, −120."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if value == 0:
        return "0"
    if value < 0:
        return f"−{number(-value, digits)}"
    places = digits - 1 - math.floor(math.log10(value))
    rounded = round(value, places)
    if rounded >= 10**digits or places <= 0:
        return f"{rounded:.0f}"
    text = f"{rounded:.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float | None) -> str:
    """A share as a percentage of two significant digits; tiny ones as below 0.01 %."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if -5e-5 < value <= 0:
        return "0 %"
    if 0 < value < 1e-4:
        return "below 0.01 %"
    if 0.99 < value < 1:
        return f"{math.floor(value * 1000) / 10:.1f} %"
    return f"{number(100 * value)} %"


def percent_interval(low: float | None, high: float | None) -> str:
    """An interval of shares: "2.1 to 15 %"."""
    if not (known(low) and known(high)):
        return NO_INTERVAL
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def interval(low: float | None, high: float | None) -> str:
    """An interval of numbers: "0.12 to 0.34"."""
    if not (known(low) and known(high)):
        return NO_INTERVAL
    return f"{number(low)} to {number(high)}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A number and its interval in brackets."""
    if not known(value):
        return NOT_MEASURED
    if not (known(low) and known(high)):
        return f"{number(value)}, {NO_INTERVAL}"
    return f"{number(value)} [{interval(low, high)}]"


def percent_with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A share and its interval in brackets, as percentages."""
    if not known(value):
        return NOT_MEASURED
    if not (known(low) and known(high)):
        return f"{percent(value)}, {NO_INTERVAL}"
    return f"{percent(value)} [{percent_interval(low, high)}]"


def one_in(rate: float | None) -> str:
    """A rate as one in so many: "1 in 16"; "none" for 0."""
    if rate is None or not math.isfinite(rate):
        return NOT_MEASURED
    if rate <= 0:
        return "none"
    many = 1 / rate
    return f"1 in {many:.1f}" if many < 9.95 else f"1 in {number(many)}"


def one_in_interval(low: float | None, high: float | None) -> str:
    """The interval of a rate: "between 1 in 40 and 1 in 8"; "at most 1 in 8" where it reaches down to 0."""
    if low is None or high is None or not (known(low) and known(high)):
        return NO_INTERVAL
    if high <= 0:
        return "none"
    if low <= 0 or low < 1e-6:
        return f"at most {one_in(high)}"
    return f"between {one_in(low)} and {one_in(high)}"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 frame", "3 frames"."""
    ending = "es" if one.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {one if count == 1 else many or one + ending}".replace(",", " ")


def duration(seconds: float) -> str:
    """A stretch of time in words: "42 s", "3 min 5 s", "2 h 10 min"."""
    if seconds < 90:
        return f"{number(seconds, 3)} s"
    whole = round(seconds)
    if whole < 5400:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def span(counts: Iterable[int]) -> str:
    """One count, or from the least to the most: "24", "12 to 24"."""
    each = [int(count) for count in counts]
    return str(min(each)) if min(each) == max(each) else f"{min(each)} to {max(each)}"


def clock(seconds: float) -> str:
    """A place in a clip: "4.23 s", "2:04.2"."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def amount(value: float | None, unit: str) -> str:
    """A strength with its unit; what is relative as a percentage: "6.4 % gain", "1.5 px"."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if unit.startswith("relative "):
        return f"{number(100 * value, 3)} % {unit.removeprefix('relative ')}"
    if unit == "share of the width":
        return f"{number(100 * value, 3)} % of the width"
    return f"{number(value, 3)} {unit}".strip()


def listing(words: Iterable[str], most: int = 0) -> str:
    """a, b and c; with ``most`` only so many, and how many more there are."""
    each = list(words)
    if most and len(each) > most:
        return f"{', '.join(each[:most])} and {len(each) - most} more"
    return " and ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)


def short_names(names: Iterable[str]) -> Mapping[str, str]:
    """Class names that fit, each still its own.

    A long name loses the synonyms behind a comma ("mountain bike, all-terrain bike, off-roader"), as long as no
    two become the same; what is still too long is cut in the middle, so that beginning and end remain.
    """
    every = list(dict.fromkeys(names))
    first = {
        name: name if len(name) <= LONGEST_NAME else name.split(",")[0].strip() or name for name in every
    }
    counts: dict[str, int] = {}
    for short in first.values():
        counts[short] = counts.get(short, 0) + 1
    return {name: cut(first[name] if counts[first[name]] == 1 else name) for name in every}


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    """At most so many characters, the middle left out."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"
