"""The settings of a run, each declared once for command line, TOML, Python and run.json (see ``declared``)."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.run_folder.declared import (
    Declaration,
    convert,
    declarations,
    field_types,
    option,
    seconds_of,
)
from vidrobust.run_folder.gates import accepted_limit, parse_gate
from vidrobust.text.phrases import among, nouns
from vidrobust.video.selection import Origin, Selection

if TYPE_CHECKING:
    from vidrobust.metrics.metric import AlongTime
    from vidrobust.metrics.tracks.borders import EntryLine, Zone
    from vidrobust.metrics.tracks.follow import TrackSettings

LARGEST_BATCH, LARGEST_RATE = 65_536, 1_000_000  # frames, and frames a second
FIXED_BATCH = 32
"""Frames per forward pass of deterministic runs."""
CROP_MARGIN, CROP_SIZE = 0.1, 256
"""Of ``crop``: context on each side of a box as a share of its longer side, and the side of a cut-out in px."""


@dataclass(frozen=True, kw_only=True)
class FootageSettings:
    """Which footage is read, and how."""

    title: ClassVar[str] = "Footage"

    labels: str = option(
        "",
        "Annotations, in any format that vidrobust labels reads.",
        "FILE",
        path=True,
        usual=True,
        used_by="model",
    )
    label_offset: str = option(
        "",
        "Where the clips begin on the clock of their labels: 12.5 (seconds) or 300f (frames).",
        "TIME",
        used_by="model",
        without="0",
    )
    start_s: float | None = option(
        None, "Start at this time, in seconds.", "S", usual=True, without="the beginning"
    )
    end_s: float | None = option(
        None, "End at this time, in seconds.", "S", usual=True, without="the end"
    )
    fps: float | None = option(
        None, "Use about F frames per second.", "F", usual=True, without="all frames"
    )
    every: int = option(1, "Use every K-th frame.", "K")
    roi: tuple[int, ...] = option(
        (),
        "Cut all pictures to this region, in px.",
        "X,Y,W,H",
        without="the whole picture",
    )
    crop: str = option(
        "",
        "Judge each labelled object, cut out of its frames with this share of context, resized to this many px.",
        "boxes[:SHARE[:PX]]",
        without="whole frames",
    )
    backend: str = option("auto", "Decoder: auto, pyav, torchcodec or decord.", "NAME")
    color: str = option(
        "fast",
        "Conversion from YUV to RGB: fast gives the bytes of ffmpeg, OpenCV and PyAV, accurate has no bias.",
        choices=("fast", "accurate"),
    )
    segment_s: float = option(
        600.0,
        "Work on longer inputs in segments of this length, in seconds.",
        "S",
        used_by="footage",
    )

    @property
    def selection(self) -> Selection:
        """Which frames of a video are wanted; ``within`` the range of an input, where that has one."""
        return Selection(every=self.every, fps=self.fps, start_s=self.start_s, end_s=self.end_s)

    def _check_footage(self) -> None:
        _from_1(self, "every")
        if self.fps is not None and not 0 < self.fps <= LARGEST_RATE:
            raise SettingsError(
                f"fps: expected a positive number up to {LARGEST_RATE}, got {self.fps:g}"
            )
        if self.start_s is not None and self.start_s < 0:
            raise SettingsError(f"start_s: expected 0 or more, got {self.start_s:g}")
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise SettingsError(
                f"end_s: expected more than {self.start_s or 0:g}, where it starts, got {self.end_s:g}"
            )
        _ = self.selection  # checks the rest
        if not 1 <= self.segment_s < math.inf:
            raise SettingsError(f"segment_s: expected 1 second or more, got {self.segment_s:g}")
        if self.roi and (len(self.roi) != 4 or min(self.roi) < 0 or 0 in self.roi[2:]):
            raise SettingsError(f"roi: expected x,y,width,height in px, got {list(self.roi)}")
        _ = self.crop_window

    @property
    def crop_window(self) -> tuple[float, int]:
        """Context about an object as a share of its longer side, and the cut-out's side in px."""
        what, *numbers = self.crop.split(":")
        try:
            margin = float(numbers[0]) if numbers else CROP_MARGIN
            size = int(numbers[1]) if numbers[1:] else CROP_SIZE
        except ValueError:
            what, margin, size = "", -1.0, 0
        if what not in ("", "boxes") or margin < 0 or size < 1 or bool(numbers) > bool(what):
            raise SettingsError(
                f"crop: expected boxes, boxes:SHARE or boxes:SHARE:PX, got {self.crop!r}"
            )
        return margin, size


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """How the models are run."""

    title: ClassVar[str] = "Model"

    device: str = option(
        "auto", "Device: auto, cpu, cuda or cuda:N.", "DEVICE", usual=True, used_by="footage"
    )
    batch: str = option(
        "auto",
        "Frames per forward pass; auto starts at 32 and halves when memory runs out.",
        "N",
        used_by="model",
    )
    engine: str | None = option(
        None,
        "Inference engine: auto (the first that agrees), torch, onnxruntime or openvino.",
        "NAME",
        used_by="model",
        without="VIDROBUST_ENGINE, or auto",
    )
    precision: str = option(
        "float32",
        "Number format: float32, bfloat16 or int8; the last two may change labels.",
        "NAME",
        used_by="model",
    )
    deterministic: bool = option(
        False, "Use only deterministic algorithms; slower.", used_by="footage"
    )
    class_map: str = option(
        "",
        "JSON that maps classes of the model to those of the labels; none for no map.",
        "FILE",
        path=True,
        used_by="model",
        without="that of the labels' format",
    )

    @property
    def batch_size(self) -> int | Literal["auto"]:
        """``batch`` as a number or "auto"; always a number in deterministic runs."""
        if self.batch == "auto":
            return FIXED_BATCH if self.deterministic else "auto"
        return int(self.batch)


@dataclass(frozen=True, kw_only=True)
class BoxSettings:
    """How the boxes of detectors are followed."""

    title: ClassVar[str] = "Detectors"

    track_start_score: float = option(
        0.5, "Least score of a box that starts a track, 0 to 1.", "SCORE"
    )
    track_keep_score: float = option(
        0.3, "Least score of a box that continues a track, 0 to 1.", "SCORE"
    )
    class_score: tuple[str, ...] = option(
        (),
        "Least score of a box of this class that starts a track, 0 to 1.",
        "CLASS=SCORE",
        without="--track-start-score",
    )
    max_gap: str = option(
        "0.2s",
        "Longest gap in the track of a moving object: a time such as 0.2s, or a number of frames.",
        "TIME",
    )
    min_boxes: int = option(1, "Ignore objects with fewer boxes than N.", "N")
    only: tuple[str, ...] = option((), "Look only at boxes of this class.", "CLASS", without="all")
    occluder: tuple[str, ...] = option(
        (), "Region, in px, of something that hides objects, such as a pillar.", "X,Y,W,H"
    )
    ignore: tuple[str, ...] = option(
        (), "Region, in px, whose boxes are ignored: those with their centre in it.", "X,Y,W,H"
    )
    entry_line: str = option(
        "",
        "Count objects only on the right-hand side of this line, in px, going from point 1 to point 2.",
        "X1,Y1,X2,Y2",
    )

    def tracks_at(self, frame_rate: float) -> TrackSettings:
        """Return how boxes are followed where this many frames are read per second."""
        from vidrobust.metrics.tracks.follow import TrackSettings

        return TrackSettings(
            start_score=self.track_start_score,
            keep_score=self.track_keep_score,
            max_gap=_frames_of(self.max_gap, frame_rate),
            look_on=max(1, round(frame_rate)),
            min_boxes=self.min_boxes,
            only=self.only,
            class_scores=tuple(_class_score(text) for text in self.class_score),
            occluders=tuple(_rectangle(text, "occluder") for text in self.occluder),
            ignored=self.ignored_zones,
        )

    @property
    def ignored_zones(self) -> tuple[Zone, ...]:
        """Zones whose boxes are dropped, in px."""
        rectangles = (_rectangle(text, "ignore") for text in self.ignore)
        return (*rectangles, *_entry_lines(self.entry_line))

    @property
    def chosen_boxes(self) -> dict[str, Any]:
        every = {
            "only": list(self.only),
            "ignore": list(self.ignore),
            "entry_line": self.entry_line,
        }
        return {name: value for name, value in every.items() if value}


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How much is measured, and with which perturbations."""

    title: ClassVar[str] = "Sampling"

    budget: str = option(
        "", "What fits into this time: 90s, 5m, 1h.", "TIME", usual=True, without="all"
    )
    frames: int | None = option(
        None, "Frames tested for sensitivity.", "N", usual=True, without="by the inputs"
    )
    pairs: int | None = option(
        None, "Pairs of frames explained, at most.", "N", usual=True, without="by the inputs"
    )
    seed: int = option(0, "Random seed.", "N", usual=True, used_by="footage")
    suite: tuple[str, ...] = option(("natural",), "Suites of perturbations.", "NAME")
    perturbation: tuple[str, ...] = option((), "Only these perturbations.", "KEY", without="all")
    strengths: int = option(1, "Strengths of each perturbation shown per frame; 0 for all.", "N")
    resamples: int = option(20000, "Resamples of intervals and permutation tests.", "N")
    max_delay: str = option(
        "200ms",
        "Longest delay with which a recommended rule may report a change: 200ms, 1s.",
        "TIME",
    )


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """What does the work, and what is written."""

    title: ClassVar[str] = "Output"

    workers: int | None = option(
        None, "Processes that share the work.", "N", usual=True, used_by="footage", without="1"
    )
    cluster: str = option(
        "",
        "Work on a Ray cluster: ray starts one here, ray:ADDRESS joins one that runs.",
        "ray[:ADDRESS]",
        used_by="footage",
        without="this machine",
    )
    cache: str = option(
        "",
        "Where finished units of work are kept: a folder, or a URL such as s3://...",
        "PLACE",
        path=True,
        used_by="footage",
        without="in the run folder",
    )
    pictures: bool = option(True, "Show footage in the report.")
    accept: tuple[str, ...] = option(
        (),
        'The limit on which page one says hold, watch or fine: "flip_rate < 1%".',
        "RULE",
        usual=True,
        used_by="gate",
    )
    fail_if: tuple[str, ...] = option(
        (),
        'Exit with code 1 where this holds: "flip_rate.high > 0.02".',
        "RULE",
        usual=True,
        used_by="gate",
    )


OWN_CLASSES = "none"
"""``class_map`` of a run whose models answer in their own classes, whatever comes with the labels."""
GROUPS = (FootageSettings, ModelSettings, BoxSettings, SamplingSettings, OutputSettings)


@dataclass(frozen=True, kw_only=True)
class Settings(FootageSettings, ModelSettings, BoxSettings, SamplingSettings, OutputSettings):
    """Every choice of a run."""

    sources: tuple[str, ...] = ()  # videos, folders, globs, manifests and addresses
    model: tuple[str, ...] = ()  # specs of the models

    def __post_init__(self) -> None:
        self._check_footage()
        if self.batch != "auto" and not (
            self.batch.isdecimal() and 0 < int(self.batch) <= LARGEST_BATCH
        ):
            raise SettingsError(
                f"batch: expected auto or a whole number from 1 to {LARGEST_BATCH}, got {self.batch!r}"
            )
        # TrackSettings checks the numbers; its module is heavy, and the defaults are known to be right
        if any(getattr(self, f.name) != f.default for f in dataclasses.fields(BoxSettings)):
            _ = self.tracks_at(1.0)
        _from_1(self, "frames", "pairs", "resamples")
        if self.strengths < 0:
            raise SettingsError(
                f"strengths: expected a whole number, 0 for all, got {self.strengths}"
            )
        if self.budget:
            seconds_of(self.budget)
        seconds_of(self.max_delay, "max_delay")
        _from_1(self, "workers")
        if self.cluster.partition(":")[0] not in ("", "ray"):
            raise SettingsError(f"cluster: expected ray or ray:ADDRESS, got {self.cluster!r}")
        for rule in self.fail_if:
            parse_gate(rule)
        for rule in self.accept:
            accepted_limit(rule)

    def along_time(self, rate: float, origin: Origin | None = None) -> AlongTime:
        """Return what is compared along time at ``rate`` frames per second; rows are counted from ``origin``."""
        from vidrobust.metrics.metric import AlongTime

        selection = self.selection
        delivered = selection.rate(rate)

        def row_of(index: int, time_s: float) -> int:
            return 0 if origin is None else selection.row_of(index, time_s, origin)

        return AlongTime(frame_rate=delivered, tracks=self.tracks_at(delivered), row_of=row_of)

    @classmethod
    def of(cls, given: Settings | Mapping[str, Any] | None) -> Settings:
        """Return the settings that Python code gives, as they are or by name."""
        return given if isinstance(given, Settings) else cls().changed(given or {}, "settings")

    def changed(self, values: Mapping[str, Any], where: str) -> Settings:
        """Return these settings with some values replaced; SettingsError names bad ones."""
        kinds = field_types(Settings)
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            text = f"{where}: unknown {nouns('setting', unknown)}{among(unknown[0], kinds)}"
            raise SettingsError(f"{text}; known are {', '.join(kinds)}")
        new = {
            name: convert(kinds[name], value, f"{where}: {name}") for name, value in values.items()
        }
        return dataclasses.replace(self, **new)

    def placed(self) -> Settings:
        every = self.as_dict()
        names = ["sources", *(setting.name for setting in all_declarations() if setting.path)]
        given = {name: every[name] for name in names if every[name] and every[name] != OWN_CLASSES}
        return self.changed({name: _absolute(value) for name, value in given.items()}, "paths")

    def subset(self, names: Iterable[str]) -> dict[str, Any]:
        every = self.as_dict()
        return {name: every[name] for name in names if name in every}

    def as_dict(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


def all_declarations() -> tuple[Declaration, ...]:
    return tuple(setting for group in GROUPS for setting in declarations(group))


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(part) for part in value]
    return value if "://" in value else os.path.abspath(value)


def _from_1(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise SettingsError(f"{name}: expected a whole number from 1, got {value}")


def _frames_of(text: str, frame_rate: float) -> int:
    """Return "0.2s" or "200ms" at a rate, at least one frame, or "5" as frames."""
    match = re.fullmatch(r"(\d*\.?\d+)\s*(s|ms)?", text.strip())
    if match is None or (match[2] is None and not match[1].isdecimal()):
        raise SettingsError(
            f"max_gap: expected a time such as 0.2s, or a whole number of frames, got {text!r}"
        )
    if match[2] is None:
        return int(match[1])
    return max(1, round(float(match[1]) * frame_rate / (1000 if match[2] == "ms" else 1)))


def _class_score(text: str) -> tuple[str, float]:
    name, equals, score = text.rpartition("=")
    try:
        value = float(score)
    except ValueError:
        value = -1.0
    if not equals or not name or not 0 <= value <= 1:
        raise SettingsError(
            f"class_score: expected CLASS=SCORE with a score of 0 to 1, got {text!r}"
        )
    return name, value


def _rectangle(text: str, setting: str) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = (float(side) for side in text.split(","))
    except ValueError as error:
        raise SettingsError(f"{setting}: expected x,y,width,height in px, got {text!r}") from error
    return x, y, width, height


def _entry_lines(text: str) -> tuple[EntryLine, ...]:
    from vidrobust.metrics.tracks.borders import EntryLine

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
    # opening a pipe waits, and a device may never end
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SettingsError(f"{path}: is a pipe or device; --config wants a TOML file")
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); --config wants a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {in_plain_words(error)}") from error
