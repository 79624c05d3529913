"""The entry of a detector in a sidecar TOML -> BoxPreprocess, head and suppression."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.models import classes
from vidrobust.models.detection.candidates import HeadSettings
from vidrobust.models.detection.fit import BoxPreprocess
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.suppress import MAX_BOXES, MIN_SCORE, Suppression

_NEEDED = ("head", "size", "resize", "mean", "std", "channels")
_KNOWN = (
    *_NEEDED,
    *("task", "file", "name", "classes", "outputs", "box_scale", "box_order", "background"),
    *("min_score", "nms", "across_classes", "max_boxes", "antialias"),
)

TEMPLATE = f"""\
task = "detection"
head = "yolox"                  # one of {", ".join(HEADS)}
size = 416                      # px, or [height, width]
resize = "letterbox, top left, pad value 114"  # or "letterbox, centre", "stretch"
mean = [0.0, 0.0, 0.0]          # in the range 0..255, in the order of channels
std = [1.0, 1.0, 1.0]
channels = "BGR"                # or "RGB"
classes = "classes.txt"         # optional: one name a line
"""


@dataclass(frozen=True, kw_only=True)
class DetectorSidecar:
    """A detector's description, checked; name and class_names None where not given."""

    name: str | None
    head: str
    preprocess: BoxPreprocess
    settings: HeadSettings
    suppression: Suppression
    class_names: tuple[str, ...] | None


def read_entry(entry: Mapping[str, Any], where: Path) -> DetectorSidecar:
    """A checked description from the keys of a sidecar's entry; ``where`` it stands, for messages and files.

    Raises SettingsError for keys missing, misspelt or of another kind.
    """
    _check_keys(entry, where)
    head = HEADS[str(entry["head"])]
    size = _size(entry["size"], where)
    layout = _layout(str(entry["resize"]), head.place, where)
    try:
        preprocess = BoxPreprocess(
            size=size,
            mean=_three(entry["mean"]),
            std=_three(entry["std"]),
            channels=entry["channels"],
            antialias=bool(entry.get("antialias", head.antialias)),
            whole=head.whole,  # type: ignore[arg-type]
            **layout,
        )
        suppression = Suppression(
            min_score=float(entry.get("min_score", MIN_SCORE)),
            nms=_nms(entry.get("nms", head.nms)),
            across_classes=bool(entry.get("across_classes", False)),
            max_boxes=int(entry.get("max_boxes", MAX_BOXES)),
        )
        settings = HeadSettings(
            size=size,
            outputs=dict(entry.get("outputs", {})),
            box_scale=entry.get("box_scale"),
            box_order=entry.get("box_order"),
            background=entry.get("background"),
        )
    except (TypeError, ValueError, SettingsError) as error:
        raise SettingsError(f"{where}: {error}") from error
    named = entry.get("classes")
    return DetectorSidecar(
        name=entry.get("name"),
        head=str(entry["head"]),
        preprocess=preprocess,
        settings=settings,
        suppression=suppression,
        class_names=None if named is None else classes.named(named, where.parent),
    )


def _check_keys(entry: Mapping[str, Any], where: Path) -> None:
    missing = [key for key in _NEEDED if key not in entry]
    if missing:
        raise SettingsError(f"{where}: missing {', '.join(missing)}; a detector's entry reads:\n{TEMPLATE}")
    if entry["head"] not in HEADS:
        raise SettingsError(f"{where}: head: expected one of {', '.join(HEADS)}, got {entry['head']!r}")
    for key in entry.keys() - set(_KNOWN):
        near = difflib.get_close_matches(key, _KNOWN, n=1, cutoff=0.75)
        if near:
            raise SettingsError(f"{where}: unknown key {key!r}; did you mean {near[0]!r}?")


def _layout(text: str, place: str, where: Path) -> dict[str, Any]:
    """ "letterbox[, top left | centre][, pad value N]" or "stretch" taken apart."""
    found = re.fullmatch(
        r"(letterbox|stretch)(?:, *(top left|centre|center))?(?:, *pad(?: value)? *(\d+))?", text
    )
    if found is None:
        raise SettingsError(
            f'{where}: resize: expected "stretch" or "letterbox, top left|centre, pad value N", got {text!r}'
        )
    chosen = (found[2] or place).replace("center", "centre")
    return {"resize": found[1], "place": chosen, "pad": int(found[3] or 114)}


def _size(value: Any, where: Path) -> tuple[int, int]:
    sides = [value, value] if isinstance(value, int) else value
    if not isinstance(sides, list) or len(sides) != 2 or not all(isinstance(s, int) and s > 0 for s in sides):
        raise SettingsError(f"{where}: size: expected px, or [height, width] in px, got {value!r}")
    return sides[0], sides[1]


def _three(values: Any) -> tuple[float, float, float]:
    numbers = [float(v) for v in values]
    if len(numbers) != 3:
        raise SettingsError(f"mean and std: expected three numbers in the range 0..255, got {values!r}")
    return numbers[0], numbers[1], numbers[2]


def _nms(value: Any) -> float | None:
    """An IoU in (0, 1]; None, or false in a sidecar, for none."""
    if value is None or value is False:
        return None
    if not 0 < float(value) <= 1:
        raise SettingsError(f"nms: expected an IoU in (0, 1], or false, got {value!r}")
    return float(value)
