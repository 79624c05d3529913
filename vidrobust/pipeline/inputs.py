"""The inputs of a run: found, labelled, opened, and cut into segments.

    input     0 ........ 600 ........ 1200 ... end       segment_s = 600
    segments  [0, 600)   [600, 1200)  [1200, end)
    read      [0, 602)   [598, 1202)  [1198, end)

The frames around a segment are read for pairs across its borders, so tables equal those of an uncut input.
Each segment is sampled by itself.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from vidrobust.errors import InputError, SettingsError, VidrobustError
from vidrobust.footage.content import ContentKeys
from vidrobust.footage.expand import expand_sources, source_of
from vidrobust.footage.item import Item, label_offset_of
from vidrobust.footage.item_tables import labels_table
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.labels import NUMBERS_ARE_CLASSES, ClassMap, Labels, read_class_map
from vidrobust.footage.labels.matching import MatchedLabels, on_items, sets_on_items
from vidrobust.footage.object_items import object_items
from vidrobust.frames.device import resolve_or_cpu
from vidrobust.metrics.metric import ANCHOR_DELTAS
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import OWN_CLASSES, Settings
from vidrobust.run_folder.unit_cache import key_of
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable
from vidrobust.video.selection import Origin
from vidrobust.video.source import VideoSource, first_batch, open_video

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class KnownLabels:
    # The table ``labels``; ``box_unit`` is the unit of its boxes.
    labels: pd.DataFrame = field(default_factory=lambda: tables.empty("labels"))
    box_unit: str = "px"
    # Anchors and the frames around them that count; None where the labels name none.
    sets: pd.DataFrame | None = None
    judged_by: Literal["own", "anchor"] = "own"  # whose labels these frames are judged by
    lost: int = 0  # frames around anchors that the footage does not hold
    # The classes in which models answer; None for their own.
    class_map: ClassMap | None = None
    class_names: tuple[str, ...] = ()
    of_map: str = ""  # what brought the map, in words

    def as_rows(self) -> list[dict[str, object]]:
        rows = [self.labels.astype(str).to_dict("split")]
        if self.box_unit != "px":
            rows.append({"box_unit": self.box_unit})
        if self.sets is not None:
            rows.append({"judged_by": self.judged_by, **self.sets.astype(str).to_dict("split")})
        return rows


def labelled(
    items: Sequence[Item], settings: Settings, say: Say
) -> tuple[tuple[Item, ...], KnownLabels]:
    """Return the inputs (with ``crop`` one per labelled object) and what is known of them.

    Labels come from the settings' file, else the manifest. InputError if none fits any input.
    """
    if not settings.labels:
        if settings.crop:
            raise SettingsError(
                f"crop: {settings.crop} needs the file that has them; give --labels FILE"
            )
        if settings.label_offset:
            raise SettingsError("label_offset: belongs to the labels of a file; give --labels FILE")
        return tuple(items), _with_map(KnownLabels(labels=labels_table(items)), None, settings)
    try:
        offset = label_offset_of(settings.label_offset)
    except ValueError as error:
        raise SettingsError(f"label_offset: {error}") from error
    items = tuple(
        item if item.label_offset else replace(item, label_offset=offset) for item in items
    )
    labels = read_labels(settings.labels)
    matched = on_items(labels.rows, items)
    ambiguous = labels.may_count_from_1 or matched.first_extracted == 1
    if ambiguous and not all(item.label_offset for item in items):
        raise SettingsError(
            f"{settings.labels}: its first frame is 1, and nothing says whether its frames count from 0 or 1; "
            "give --label-offset 1f if the first frame of the video is 1 in it, or 0f"
        )
    numbers = labels.rows["label_name"].str.isdecimal()
    has_map = settings.class_map or labels.class_map is not None
    if numbers.any() and numbers.all() and not has_map and labels.format not in NUMBERS_ARE_CLASSES:
        raise SettingsError(
            f"{settings.labels}: its classes are numbers without names; name them, in a data.yaml or classes.txt "
            "beside YOLO's labels, or say which of them each class of the model is: --class-map FILE"
        )
    if not len(matched.rows):
        known = ", ".join(labels.rows["item"].unique()[:3]) or "no input"
        bad = [str(problem) for problem in labels.problems]
        first = f"; {plural(len(bad), 'row')} cannot be used, the first: {bad[0]}" if bad else ""
        some = ", ".join(item.name for item in items[:3])
        raise InputError(
            f"{settings.labels}: labels none of the sources. It is about {known}; the sources are called {some}: "
            f"rename the footage, or the inputs in the labels{first}"
        )
    _say_what(matched, labels, settings, say)
    if settings.crop:
        cut = object_items(tuple(items), labels)
        if not cut.items:
            raise InputError(
                f"{labels.path}: holds no track of boxes along which an object can be cut out"
            )
        say(f"{plural(len(cut.items), 'object')} cut out of {plural(len(items), 'input')}")
        if cut.untracked:
            say(f"{cut.untracked} box(es) without a track are left out")
        objects = cut.items
        rows = _of_objects(objects, matched.rows)
        return objects, _with_map(
            KnownLabels(labels=rows, box_unit=labels.box_unit), labels, settings
        )
    known_now = KnownLabels(labels=matched.rows, box_unit=labels.box_unit)
    if len(labels.sets):
        sets, lost = sets_on_items(labels.sets, items)
        known_now = replace(known_now, sets=sets, judged_by=labels.judged_by, lost=lost)
    return tuple(items), _with_map(known_now, labels, settings)


def _say_what(matched: MatchedLabels, labels: Labels, settings: Settings, say: Say) -> None:
    if labels.problems:
        bad = plural(len(labels.problems), "row")
        say(f"{bad} cannot be used; to list them: vidrobust labels {shlex.quote(settings.labels)}")
    if matched.unlabelled:
        say(f"{plural(len(matched.unlabelled), 'input')} without a label in {settings.labels}")
    if matched.missing:
        say(
            f"{plural(matched.missing, 'row')} of {settings.labels}: of images that are not in their folders"
        )


def _with_map(known: KnownLabels, labels: Labels | None, settings: Settings) -> KnownLabels:
    if settings.class_map == OWN_CLASSES:
        return known
    classes = {} if labels is None else dict(labels.classes)
    if settings.class_map:
        class_map, of_map = read_class_map(Path(settings.class_map)), settings.class_map
    elif labels is not None and labels.class_map is not None:
        class_map, of_map = labels.class_map, labels.format
    else:
        return known
    count = max(class_map.classes, *(number + 1 for number in classes), 2)
    class_map = ClassMap(of_model=class_map.of_model, classes=count)
    names = tuple(classes.get(k, f"class {k}") for k in range(count))
    by_number = known.labels["label_name"].where(
        ~known.labels["label_name"].str.isdecimal(),
        known.labels["label"].map(dict(enumerate(names))),
    )
    known = replace(known, labels=known.labels.assign(label_name=by_number))
    return replace(known, class_map=class_map, class_names=names, of_map=of_map)


def _of_objects(objects: Sequence[Item], rows: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for item in objects:
        more = dict(item.more)
        mine = rows[(rows["item"] == more["clip"]) & (rows["track"].astype(str) == more["track"])]
        parts.append(mine.assign(item=item.name))
    return pd.concat(parts, ignore_index=True)


@dataclass
class Inputs:
    items: tuple[Item, ...]  # the inputs to read
    # What could not be read, and what was passed over: path and reason.
    failed: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    content: dict[str, str] = field(default_factory=dict)  # content key of each input by name
    known: KnownLabels = field(default_factory=KnownLabels)

    def fail(self, path: str, error: str, reporter: Reporter) -> None:
        entry = {"path": path, "error": error}
        if entry not in self.failed:
            self.failed.append(entry)
            if self.readable:  # the error of the only input ends the run
                reporter.warn(f"error: {error}")

    def unreadable(self) -> InputError:
        """Return the error of a run that can read none of its inputs."""
        if len(self.failed) == 1:
            return InputError(self.failed[0]["error"])
        if not self.failed:
            return InputError("none of the sources holds any footage")
        return InputError(f"none of {plural(len(self.failed), 'input')} could be read")

    @property
    def readable(self) -> list[Item]:
        failed = {entry["path"] for entry in self.failed}
        return [item for item in self.items if printable(item.path) not in failed]


def find(settings: Settings, cache: Path | None, reporter: Reporter) -> Inputs:
    """Expand the sources and hash their content; ``cache`` keeps hashes."""
    expanded = expand_sources(settings.sources)
    left_out = [{"path": printable(file.path), "reason": file.reason} for file in expanded.left_out]
    items = expanded.items
    if settings.roi:
        x, y, width, height = settings.roi
        items = tuple(dataclasses.replace(i, roi=i.roi or (x, y, width, height)) for i in items)
    items, known = labelled(items, settings, reporter.say)
    inputs = Inputs(items, left_out=left_out, known=known)
    for problem in expanded.problems:
        inputs.fail(source_of(problem), problem, reporter)
    if left_out:
        reporter.say(
            f"left out, since they are no footage: {plural(len(left_out), 'file')} in the folders given"
        )
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
    keys = ContentKeys(cache)
    for item in inputs.readable:
        try:
            inputs.content[item.name] = keys.of(item)
        except OSError as error:
            inputs.fail(
                printable(item.path),
                f"{printable(item.path)}: cannot be read ({error.strerror})",
                reporter,
            )
    keys.save()
    return inputs


LEAST_OVERLAP_S = 1.0
RULES = 2  # raised where the numbers of segments change


@dataclass(frozen=True)
class Segment:
    """A stretch of an input, or all of it."""

    item: Item  # the stretch as an input of the same name
    # Which segment it is, from 0, and how many there are.
    number: int
    pieces: int
    content: str  # key of its content
    reads: Item  # the stretch with the frames around it that are read for pairs across its borders
    # The input's first delivered frame; None where there is one piece.
    origin: Origin | None = None
    frames: int | None = None  # of the whole input, by its header; None where it does not say


def segments_of(
    item: Item, content: str, settings: Settings, *, tried: bool = True
) -> tuple[Segment, ...]:
    """Return the segments of an input by the length in its header; the last goes to the end.

    ``tried`` also decodes a picture, to find unreadable inputs early (InputError).
    """
    with open_item(item, settings) as source:
        cuts, frames = cuts_of(item, settings, source), frames_of(item, settings, source)
        if cuts:
            first = first_batch(source, 1)
            rate = source.info.frame_rate
        elif tried:
            next(source.batches(1), None)  # none: the range of time is empty, which is no error
    if not cuts:
        return (Segment(item, 0, 1, content, item, frames=frames),)
    origin = Origin(int(first.index[0]), float(first.time_s[0]))
    # around a segment twice the reach of any comparison is read
    reach = max(ANCHOR_DELTAS)
    overlap = max(LEAST_OVERLAP_S, 2 * reach * settings.selection.step_s(float(rate)))
    starts, ends = [item.start_s, *cuts], [*cuts, item.end_s]
    pieces = len(starts)
    return tuple(
        Segment(
            dataclasses.replace(item, start_s=start, end_s=end),
            number,
            pieces,
            key_of(
                {
                    "content": content,
                    "start_s": start,
                    "end_s": end,
                    "pieces": pieces,
                    "rules": RULES,
                }
            ),
            dataclasses.replace(
                item,
                start_s=start
                if number == 0 or start is None
                else max(start - overlap, item.start_s or 0.0),
                end_s=end
                if number == pieces - 1 or end is None
                else min(end + overlap, item.end_s or math.inf),
            ),
            origin,
            frames,
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def open_item(item: Item, settings: Settings, origin: Origin | None = None) -> VideoSource:
    """Open an input as settings and manifest say; frames count from ``origin``."""
    from vidrobust.video.region import Cut, ObjectCut, Region

    selection = settings.selection.within(item.start_s, item.end_s)
    margin, size = settings.crop_window
    cut: Cut | None = Region(item.roi, item.path) if item.roi is not None else None
    if item.boxes is not None:
        cut = ObjectCut(boxes=item.boxes, margin=margin, size=size)
    return open_video(
        item.path,
        item=item.name,
        backend=settings.backend,
        device=settings.device,
        color=settings.color,
        selection=replace(selection, origin=origin),
        cut=cut,
    )


def cuts_of(item: Item, settings: Settings, source: VideoSource) -> list[float]:
    reach = range_of(item, settings, source)
    if reach is None:
        return []
    begin, end = reach
    # a rest shorter than half a segment stays with the last one
    count = max(1, math.floor((end - begin) / settings.segment_s + 0.5))
    return [begin + number * settings.segment_s for number in range(1, count)]


def range_of(item: Item, settings: Settings, source: VideoSource) -> tuple[float, float] | None:
    """Return the range studied, in s; None if the header has no length."""
    info = source.info
    if info.num_frames is None or not info.frame_rate:
        return None
    length = float(info.num_frames / info.frame_rate)
    selection = settings.selection.within(item.start_s, item.end_s)
    end = length if selection.end_s is None else min(length, selection.end_s)
    return selection.start_s or 0.0, end


def frames_of(item: Item, settings: Settings, source: VideoSource) -> int | None:
    count = source.info.num_frames
    reach = range_of(item, settings, source)
    if count is None:
        return None
    if reach is None:
        return settings.selection.count(count)
    seconds = max(0.0, reach[1] - reach[0])
    within = min(count, math.ceil(seconds * float(source.info.frame_rate or 0)))
    return settings.selection.count(within, seconds)


@functools.cache
def decoder_of(path: Path, backend: str, device: str, color: str) -> tuple[str, ...]:
    """Return what decodes an input, and where it delivers: pictures differ between decoders and devices.

    With a GPU the input is opened to see which route works for it.
    """
    from vidrobust.video.choice import ON_CPU

    target, _ = resolve_or_cpu(device)
    if target == "cpu":
        return (ON_CPU if backend == "auto" else backend, "cpu", "cpu", color)
    try:
        with open_video(path, backend=backend, device=device, color=color) as source:
            info = source.info
    except VidrobustError as error:  # said where it is read
        return (backend, str(error))
    return (info.backend, info.device, target, color)


def refuse_other_counts(
    inputs: Inputs, models: Sequence[Any], entries: Sequence[Mapping[str, Any]]
) -> None:
    """Raise InputError if labels or predictions number frames that other decoders count otherwise."""
    for entry in entries:
        counts: Sequence[int] = entry.get("frame_counts") or ()
        if len(counts) < 2:
            continue
        labels = inputs.known.labels
        mine = labels[(labels["item"] == entry["item"]) & labels["time_s"].isna()]
        named = {"the labels": int(mine["frame"].max()) if len(mine) else -1}
        counting = [m for m in models if hasattr(m, "last_frame") and not getattr(m, "times", None)]
        named |= {m.name: m.last_frame(entry["item"]) for m in counting}
        for who, last in named.items():
            if last >= counts[0]:
                others = " or ".join(map(str, counts[1:]))
                raise InputError(
                    f"{entry['item']}: {counts[0]} frames come out here, {others} elsewhere, and {who} name frame "
                    f"{last}: which frames are meant is not known. Give times (a column time_s) "
                    "instead of numbers, or code the file anew"
                )
