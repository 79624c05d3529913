"""What a run is asked to do: the same names as the options of the command line and the keys of a TOML file."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from vidrobust.errors import SettingsError
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.metrics.tracks.zones import EntryLine
from vidrobust.run_folder.gates import parse_gate
from vidrobust.run_folder.time_option import seconds_of
from vidrobust.text.phrases import nouns
from vidrobust.text.suggestions import among

# Plain values of TOML and JSON become typed ones, by cattrs; what does not fit is named.

PLAIN: dict[type, tuple[type, ...]] = {str: (str, int), int: (int,), float: (int, float), bool: (bool,)}
"""What is taken for each type: a whole number is a number and may be a name; true and false are neither."""


def _structured(value: Any, kind: type) -> Any:
    if not isinstance(value, PLAIN[kind]) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return kind(value)


_CONVERTER = Converter(detailed_validation=False)
for _kind in PLAIN:
    _CONVERTER.register_structure_hook(_kind, _structured)


def convert(kind: Any, value: Any, where: str) -> Any:
    """The value as this type; one value may stand for a list of one.

    Raises SettingsError, beginning with ``where``, that says what was expected and what came.
    """
    if get_origin(kind) is tuple and not isinstance(value, list | tuple):
        if not isinstance(value, str | int | float):
            raise SettingsError(f"{where}: expected a list of {get_args(kind)[0].__name__}, got {value!r}")
        value = [value]
    try:
        return _CONVERTER.structure(value, kind)
    except (TypeError, ValueError, StructureHandlerNotFoundError) as error:
        raise SettingsError(f"{where}: {error}") from error


FIXED_BATCH = 32
"""Frames per forward pass of deterministic runs."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every choice of a run. Lists may be given as tuples or lists; units are in the names or said here."""

    sources: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    device: str = "auto"
    batch: str = "auto"
    """Frames per forward pass; "auto" starts at 32 and halves when memory runs out."""
    engine: str | None = None
    """auto, torch, onnxruntime or openvino computes the models; None: as VIDROBUST_ENGINE says, else auto."""
    precision: str = "float32"
    """float32; bfloat16 or int8 change labels, how many ``vidrobust engines`` says."""
    deterministic: bool = False
    """Deterministic algorithms alone, one thread, a fixed batch, and models in the engine they are loaded in."""
    workers: int | None = None
    """Processes that do the units of a run; None: one here, as many as there are processors on a cluster."""
    cluster: str = ""
    """ray: workers are actors of Ray on this machine; ray:ADDRESS: on a cluster that runs; empty: processes."""
    cache: str = ""
    """A folder, or a URL of object storage, where parts are kept; in the run folder where empty."""
    seed: int = 0
    backend: str = "auto"
    strict_device: bool = False
    color: str = "fast"
    every: int = 1
    """Use every so many-th frame."""
    fps: float | None = None
    """Or about so many frames per second."""
    start_s: float | None = None
    end_s: float | None = None
    roi: tuple[int, ...] = ()
    """x, y, width, height in px of the frame to which all pictures are cut; the whole frame where empty."""
    labels: str = ""
    """A file or folder of annotations; the labels of the manifest where empty."""
    label_offset: str = ""
    """Where the clips begin on the clock of their labels: 12.5 for seconds, 300f for frames; from a manifest's
    column where it has one."""
    class_map: str = ""
    """JSON, a model's class -> the labels' class, by numbers; the map of the labels where empty; none: no map."""
    crop: str = ""
    """boxes: each labelled object is an item, cut out of its frames; whole frames where empty."""
    crop_margin: float = 0.1
    """Context on each side of a box, as a share of its longer side."""
    crop_size: int = 256
    """Side of a cut-out in px."""
    segment_s: float = 600.0
    """Longer items are worked on in stretches of about this length, seconds."""
    anchor_deltas: tuple[int, ...] = (1, 2, 5, 10)
    """Distances of anchor pairs in delivered frames."""
    motion_limit: float = 0.1
    """Largest global shift between neighbours that still is the same view, as a share of the frame's width."""
    revert_within: int = 3
    """A label that left and is back within so many frames is a revert flip."""
    track_start_score: float = 0.5
    """Least score of a box that begins a track."""
    track_keep_score: float = 0.3
    """Least score of a box that goes on with one."""
    track_iou: float = 0.3
    """Least overlap of a box with where its track is expected."""
    max_gap: str = "0.2s"
    """Longest gap within the track of a moving object: a time such as 0.2s, or a number of delivered frames."""
    min_boxes: int = 1
    """Tracks of fewer boxes count for nothing: blinking false alarms."""
    only: tuple[str, ...] = ()
    """Names of the classes whose boxes are looked at; all where empty."""
    class_score: tuple[str, ...] = ()
    """CLASS=SCORE, the least score of a box of this class that begins a track."""
    occluder: tuple[str, ...] = ()
    """x,y,width,height in px of what stands before the objects, a pillar or a fixture; several may be given."""
    ignore: tuple[str, ...] = ()
    """x,y,width,height in px of a zone whose boxes are not looked at; several may be given."""
    entry_line: str = ""
    """x1,y1,x2,y2 in px: going from the first point to the second, boxes count on the right hand; "" for none."""
    suite: tuple[str, ...] = ("natural",)
    perturbation: tuple[str, ...] = ()
    """Only these of the suites, by their keys; all where none is named."""
    frames: int | None = None
    """Frames of the run whose sensitivity is measured, spread over its items; None: by the number of items."""
    strengths: int = 1
    """Strengths of each perturbation that a frame is shown, the others fall to other frames; 0: all."""
    draws: int = 1
    """Random draws per frame and perturbation."""
    pairs: int | None = None
    """Pairs of the run that are explained by replay, spread over its items; None: by the number of items."""
    budget: str = ""
    """A time such as 5m that is turned once into frames and pairs, where these are not given."""
    across: tuple[str, ...] = ("frames", "clips", "models")
    resamples: int = 20000
    widen: float = 1.0
    """The policy's ranges are the spread of the condition over the footage times this factor."""
    trained_with: tuple[str, ...] = ()
    """Augmentations the model was trained with: perturbations, families, or a library's settings."""
    known: tuple[str, ...] = ()
    """Footage or images that the models were trained for, or runs on them; the stage unknown needs it."""
    false_alarms: float = 0.05
    """Share of known frames that may be called unknown."""
    scored_frames: int = 500
    """Frames of the footage, and of the known footage, of which it is said how unknown they are, at most."""
    max_delay: str = "200ms"
    """How late a decision rule may report a lasting change at most, to be the one that is recommended."""
    pictures: bool = True
    """False: a report without footage in it, for footage with people."""

    fail_if: tuple[str, ...] = ()
    """Rules such as "flip_rate.high > 0.02": the command ends with exit code 1 where one holds."""
    junit: str | None = None
    """File for the outcome of the rules, as JUnit XML."""
    history: str | None = None
    """History file to which the run is added, for control charts in its report."""

    def __post_init__(self) -> None:
        for rule in self.fail_if:
            parse_gate(rule)
        counts = (
            "every",
            "revert_within",
            "frames",
            "draws",
            "pairs",
            "resamples",
            "workers",
            "scored_frames",
        )
        for name in counts:
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise SettingsError(f"{name}: expected a whole number from 1, got {getattr(self, name)}")
        if self.cluster.partition(":")[0] not in ("", "ray"):
            raise SettingsError(f"cluster: expected ray or ray:ADDRESS, got {self.cluster!r}")
        if self.strengths < 0:
            raise SettingsError(f"strengths: expected a whole number, 0 for all, got {self.strengths}")
        if self.budget:
            seconds_of(self.budget)
        seconds_of(self.max_delay, "max_delay")
        if self.fps is not None and self.fps <= 0:
            raise SettingsError(f"fps: expected a positive number, got {self.fps:g}")
        if self.fps is not None and self.every != 1:
            raise SettingsError("every and fps exclude each other: give one of them")
        if self.batch != "auto" and not (self.batch.isdecimal() and int(self.batch) > 0):
            raise SettingsError(f"batch: expected auto or a whole number from 1, got {self.batch!r}")
        if not self.anchor_deltas or min(self.anchor_deltas) < 1:
            raise SettingsError(
                f"anchor_deltas: expected whole numbers from 1, got {list(self.anchor_deltas)}"
            )
        if not 0 < self.false_alarms < 1:
            raise SettingsError(f"false_alarms: expected a share between 0 and 1, got {self.false_alarms:g}")
        if self.widen < 1:
            raise SettingsError(f"widen: expected a factor of 1 or more, got {self.widen:g}")
        if not self.segment_s >= 1:
            raise SettingsError(f"segment_s: expected 1 second or more, got {self.segment_s:g}")
        if self.motion_limit <= 0:
            raise SettingsError(f"motion_limit: expected a positive share, got {self.motion_limit:g}")
        if self.roi and (len(self.roi) != 4 or min(self.roi) < 0 or 0 in self.roi[2:]):
            raise SettingsError(f"roi: expected x,y,width,height in px, got {list(self.roi)}")
        if self.crop not in ("", "boxes"):
            raise SettingsError(f"crop: expected boxes, or nothing for whole frames, got {self.crop!r}")
        if self.crop_margin < 0 or self.crop_size < 1:
            given = f"{self.crop_margin:g} and {self.crop_size}"
            raise SettingsError(f"crop_margin, crop_size: expected a share >= 0 and px >= 1, got {given}")
        _ = self.tracks
        unknown = set(self.across) - {"frames", "clips", "models"}
        if unknown:
            raise SettingsError(f"across: expected frames, clips, models; got {', '.join(sorted(unknown))}")

    @property
    def tracks(self) -> TrackSettings:
        """How boxes are followed at 25 frames a second; SettingsError where it cannot be."""
        return self.tracks_at(25.0)

    def tracks_at(self, frame_rate: float) -> TrackSettings:
        """How boxes are followed at so many delivered frames a second."""
        return TrackSettings(
            start_score=self.track_start_score,
            keep_score=self.track_keep_score,
            iou=self.track_iou,
            max_gap=_frames_of(self.max_gap, frame_rate),
            look_on=max(1, round(frame_rate)),
            min_boxes=self.min_boxes,
            only=self.only,
            class_scores=tuple(_class_score(text) for text in self.class_score),
            occluders=tuple(_rectangle(text, "occluder") for text in self.occluder),
            ignored=(*(_rectangle(text, "ignore") for text in self.ignore), *_entry_lines(self.entry_line)),
        )

    @property
    def chosen_boxes(self) -> dict[str, Any]:
        """Those of the settings that say which boxes are looked at, where they are given, as plain values."""
        every = {"only": list(self.only), "ignore": list(self.ignore), "entry_line": self.entry_line}
        return {name: value for name, value in every.items() if value}

    @property
    def batch_size(self) -> int | Literal["auto"]:
        """``batch`` as a number, or "auto"; a fixed number where everything is to be the same each time."""
        if self.batch == "auto":
            return FIXED_BATCH if self.deterministic else "auto"
        return int(self.batch)

    def changed(self, values: Mapping[str, Any], where: str) -> Settings:
        """These settings with some values replaced; SettingsError names what is unknown or of a wrong type."""
        known = {f.name: f for f in dataclasses.fields(self)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            text = f"{where}: unknown {nouns('setting', unknown)}{among(unknown[0], known)}"
            raise SettingsError(f"{text}; known are {', '.join(known)}")
        converted = {name: convert(_KINDS[name], value, f"{where}: {name}") for name, value in values.items()}
        return dataclasses.replace(self, **converted)

    def subset(self, names: Iterable[str]) -> dict[str, Any]:
        """Some of the settings, as plain values: what a result depends on."""
        every = self.as_dict()
        return {name: every[name] for name in names}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


def _frames_of(text: str, frame_rate: float) -> int:
    """ "0.2s" or "200ms" at a rate, at least one frame, or "5" frames."""
    found = re.fullmatch(r"(\d*\.?\d+)\s*(s|ms)?", text.strip())
    if found is None or (found[2] is None and not found[1].isdecimal()):
        raise SettingsError(
            f"max_gap: expected a time such as 0.2s, or a whole number of frames, got {text!r}"
        )
    if found[2] is None:
        return int(found[1])
    return max(1, round(float(found[1]) * frame_rate / (1000 if found[2] == "ms" else 1)))


def _class_score(text: str) -> tuple[str, float]:
    name, equals, score = text.rpartition("=")
    try:
        value = float(score)
    except ValueError:
        value = -1.0
    if not equals or not name or not 0 <= value <= 1:
        raise SettingsError(f"class_score: expected CLASS=SCORE with a score of 0 to 1, got {text!r}")
    return name, value


def _rectangle(text: str, setting: str) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(side) for side in text.split(","))
    except ValueError as error:
        raise SettingsError(f"{setting}: expected x,y,width,height in px, got {text!r}") from error
    return x, y, width, height


def _entry_lines(text: str) -> tuple[EntryLine, ...]:
    """One, or none where there is no text."""
    if not text:
        return ()
    try:
        line = EntryLine(*(float(side) for side in text.split(",")))
    except (ValueError, TypeError) as error:
        raise SettingsError(f"entry_line: expected x1,y1,x2,y2 in px, got {text!r}") from error
    if (line.x1, line.y1) == (line.x2, line.y2):
        raise SettingsError(f"entry_line: expected two points, got one: {text}")
    return (line,)


def read_toml(path: Path) -> dict[str, Any]:
    """The settings of a TOML file, flat."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); --config wants a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}") from error


_KINDS = get_type_hints(Settings)
