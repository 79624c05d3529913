"""The TOML beside a network file, which describes its inputs and outputs.

Looked for as FILE.toml (``net.onnx.toml`` or ``net.toml``), then as the entry of ``models.toml`` in the same
folder whose ``file`` is the network's name.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.files.json_text import file_text
from vidrobust.frames.pixels import Resizer
from vidrobust.models import classes, reading
from vidrobust.models.detection.candidates import HeadSettings
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.detection.suppress import MAX_BOXES, MIN_SCORE, Suppression
from vidrobust.models.preprocess import BoxPreprocess, Preprocess, Resize, three, two_sides

_PREPROCESS = (
    *("size", "crop", "interpolation", "mean", "std", "channels", "resize_to"),
    *("antialias", "crop_rounding", "crop_offset"),
)
_CLASSIFIER = (
    *_PREPROCESS,
    "resize",
    "letterbox",
    "file",
    "task",
    "name",
    "output_name",
    "classes",
    *reading.KEYS,
)
# Keys that may say anything in the entry of a classifier
_FREE = ("licence", "license", "source", "pip", "head", "notes")
_NEEDED = ("head", "size", "resize", "mean", "std", "channels")
_DETECTOR = (
    *_NEEDED,
    *("task", "file", "name", "classes", "outputs", "box_scale", "box_order", "background"),
    *("min_score", "nms", "across_classes", "max_boxes", "antialias"),
)

TEMPLATE = """\
size = 224                      # px, or [height, width]
crop = 0.875                    # the shorter side becomes size / crop, then a centre crop of size
interpolation = "bilinear"      # or "bicubic"
resize = "torch"                # or "pil", "opencv-linear", "opencv-area": what your program calls. Between two of
                                # them half of the labels may change; "stretch, pil" leaves the proportions
antialias = true                # false where torch's resize does not average
crop_rounding = "even"          # "down" where the crop begins at (side - size) // 2
mean = [123.675, 116.28, 103.53]  # in the range 0..255, in the order of channels
std = [58.395, 57.12, 57.375]
channels = "RGB"                # or "BGR"
"""
DETECTOR_TEMPLATE = f"""\
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
class Sidecar:
    """A classifier's description, checked."""

    path: Path  # Where it was read
    preprocess: Preprocess
    # name, output_name, class_names: None where not given
    name: str | None
    declared: reading.Declared  # What is said of the outputs
    output_name: str | None
    class_names: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class DetectorSidecar:
    """A detector's description, checked; name and class_names are None where not given."""

    name: str | None
    head: str
    preprocess: BoxPreprocess
    settings: HeadSettings
    suppression: Suppression
    class_names: tuple[str, ...] | None


def read_sidecar(
    network: Path, given: str | None = None, *, own: dict[str, Any] | None = None
) -> Sidecar:
    """Check the entry of a classifier; ``own`` is what the network's file says itself."""
    path, entry = find_entry(network, given, own=own)
    task = entry.get("task", "classification")
    if task != "classification":
        raise SettingsError(
            f'{path}: {network.name} is for {task}: expected task = "classification" here; detectors are read '
            "from ONNX files"
        )
    needed = {"size", "interpolation", "mean", "std", "channels"}
    try:
        layout = _classifier_layout(entry)
    except SettingsError as error:
        raise SettingsError(f"{path}, {network.name}: {error}") from error
    if layout.get("resize", "shorter side") == "shorter side" and "resize_to" not in entry:
        needed.add("crop")
    if str(layout.get("resizer")).startswith("opencv"):
        needed.discard("interpolation")  # OpenCV's is in the name
    if missing := sorted(needed - entry.keys()):
        raise SettingsError(f"{path}: missing {', '.join(missing)}; a sidecar reads:\n{TEMPLATE}")
    _check_spelling(entry.keys() - set(_FREE), _CLASSIFIER, path)
    named = entry.get("classes")
    try:
        return Sidecar(
            path=path,
            preprocess=Preprocess(
                **{key: entry[key] for key in _PREPROCESS if key in entry}, **layout
            ),
            name=entry.get("name"),
            declared=reading.Declared.read(
                {k: entry[k] for k in reading.KEYS if k in entry}, "outputs"
            ),
            output_name=entry.get("output_name"),
            class_names=None if named is None else classes.named(named, path.parent),
        )
    except (SettingsError, TypeError) as error:
        raise SettingsError(f"{path}, {network.name}: {in_plain_words(error)}") from error


def read_entry(entry: Mapping[str, Any], where: Path) -> DetectorSidecar:
    """Check the entry of a detector."""
    if missing := [key for key in _NEEDED if key not in entry]:
        raise SettingsError(
            f"{where}: missing {', '.join(missing)}; a detector's entry reads:\n{DETECTOR_TEMPLATE}"
        )
    if entry["head"] not in HEADS:
        raise SettingsError(
            f"{where}: head: expected one of {', '.join(HEADS)}, got {entry['head']!r}; export another network "
            'with its boxes, scores and labels decoded, and say head = "plain"'
        )
    _check_spelling(entry.keys(), _DETECTOR, where)
    head = HEADS[str(entry["head"])]
    layout = _layout(str(entry["resize"]), head.place, where)
    try:
        size = two_sides(entry["size"])
        preprocess = BoxPreprocess(
            size=size,
            mean=three("mean", entry["mean"]),
            std=three("std", entry["std"]),
            channels=entry["channels"],
            antialias=bool(entry.get("antialias", head.antialias)),
            round_down=head.round_down,
            one_scale=head.one_scale,
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
        raise SettingsError(f"{where}: {in_plain_words(error)}") from error
    named = entry.get("classes")
    return DetectorSidecar(
        name=entry.get("name"),
        head=str(entry["head"]),
        preprocess=preprocess,
        settings=settings,
        suppression=suppression,
        class_names=None if named is None else classes.named(named, where.parent, fewest=1),
    )


def find_entry(
    network: Path,
    given: str | None = None,
    *,
    own: dict[str, Any] | None = None,
    advice: Callable[[Path], str] | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Return where the description of a network stands, and its keys, unchecked.

    ``advice`` says, where there is none, how to come by one.
    """
    path = Path(given).expanduser() if given else None
    if not own:
        return _find(network, path, advice)
    try:
        place, entry = _find(network, path, advice)
    except SettingsError:
        if path is not None:
            raise
        return network, own
    return place, {**own, **entry}


def _find(
    network: Path, given: Path | None, advice: Callable[[Path], str] | None = None
) -> tuple[Path, dict[str, Any]]:
    beside = [network.with_name(network.name + ".toml"), network.with_suffix(".toml")]
    table = network.with_name("models.toml")
    for path in [given] if given else [*beside, table]:
        if path.is_file():
            entry = _entry(_load(path), network.name, alone=path != table)
            if entry is not None:
                return path, entry
            if given:
                raise SettingsError(f'{given}: no entry has file = "{network.name}"')
    if given:
        raise SettingsError(f"{given}: no such file; it was named as the sidecar of {network.name}")
    why = f', and {table} has no entry with file = "{network.name}"' if table.is_file() else ""
    how = advice(network) if advice else f"Write {beside[0]} with:\n{TEMPLATE}"
    raise SettingsError(f"{network}: there is no sidecar that says how pixels go in{why}. {how}")


def _entry(data: dict[str, Any], name: str, *, alone: bool) -> dict[str, Any] | None:
    tables = [value for value in data.values() if isinstance(value, dict)]
    for table in tables:
        if table.get("file") == name:
            return table
    if not alone:
        return None
    if not tables:
        return data
    return tables[0] if len(tables) == 1 and "file" not in tables[0] else None


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {in_plain_words(error)}") from error


def _check_spelling(keys: Set[str], known: Collection[str], where: Path) -> None:
    for key in keys - set(known):
        if near := difflib.get_close_matches(key, known, n=1, cutoff=0.75):
            raise SettingsError(f"{where}: unknown key {key!r}; did you mean {near[0]!r}?")


def _classifier_layout(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``resize`` ("stretch", "pil" or both) and ``letterbox`` (true, or its padding) of a classifier."""
    layout: dict[str, Any] = {}
    for part in filter(None, map(str.strip, str(entry.get("resize", "")).split(","))):
        key = "resize" if part in get_args(Resize) else "resizer"
        if key in layout or (key == "resizer" and part not in get_args(Resizer)):
            shapes, libraries = (", ".join(map(repr, get_args(k))) for k in (Resize, Resizer))
            raise SettingsError(
                f"resize: expected one of {shapes}, one of {libraries}, or both with a comma, got {entry['resize']!r}"
            )
        layout[key] = part
    padding = entry.get("letterbox", False)
    if padding is not False:
        layout["resize"] = "letterbox"
        if padding is not True:
            layout["pad"] = padding
    return layout


def _layout(text: str, place: str, where: Path) -> dict[str, Any]:
    match = re.fullmatch(
        r"(letterbox|stretch)(?:, *(top left|centre|center))?(?:, *pad(?: value)? *(\d+))?"
        rf"(?:, *({'|'.join(get_args(Resizer))}))?",
        text,
    )
    if match is None:
        raise SettingsError(
            f'{where}: resize: expected "stretch" or "letterbox, top left|centre, pad value N", then one of '
            f"{', '.join(get_args(Resizer))} where it is not the head's own, got {text!r}"
        )
    chosen = (match[2] or place).replace("center", "centre")
    layout = {"resize": match[1], "place": chosen, "pad": int(match[3] or 114)}
    return layout if match[4] is None else {**layout, "resizer": match[4]}


def _nms(value: Any) -> float | None:
    """An IoU in (0, 1]; None, or false in a sidecar, for none."""
    if value is None or value is False:
        return None
    if not 0 < float(value) <= 1:
        raise SettingsError(f"nms: expected an IoU in (0, 1], or false, got {value!r}")
    return float(value)
