"""The items of a run: found in the sources, opened one by one; one that fails is recorded, others go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.footage.content import ContentKeys
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item import Item
from vidrobust.pipeline.labelled import Known, labelled
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable
from vidrobust.video.source import VideoSource, open_video


@dataclass
class Inputs:
    """What the sources hold: items to read, what failed (path or source, and why), what was left out.

    known    what is known of the items beforehand: labels, anchors, classes
    content  the key of each item's content, by name; filled as it is asked for
    """

    items: tuple[Item, ...]
    failed: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    content: dict[str, str] = field(default_factory=dict)
    known: Known = field(default_factory=Known)

    def fail(self, path: str, error: str, reporter: Reporter) -> None:
        """Record that an input could not be read, or a model could not read it, once, and say so."""
        entry = {"path": path, "error": error}
        if entry not in self.failed:
            self.failed.append(entry)
            reporter.warn(f"error: {error}")

    def has_failed(self, item: Item) -> bool:
        """Whether the item could not be read."""
        path = printable(item.path)
        return any(entry["path"] == path for entry in self.failed)

    @property
    def readable(self) -> list[Item]:
        """The items that have not failed."""
        failed = {entry["path"] for entry in self.failed}
        return [item for item in self.items if printable(item.path) not in failed]


def find(settings: Settings, cache: Path | None, reporter: Reporter) -> Inputs:
    """Expand the sources and hash what they hold; what names nothing usable is recorded as failed.

    cache  file that keeps the hashes by size and time of change; None: they are made anew
    """
    expanded = expand_sources(settings.sources)
    left_out = [{"path": printable(each.path), "reason": each.reason} for each in expanded.left_out]
    items = expanded.items
    if settings.roi:
        x, y, width, height = settings.roi
        items = tuple(dataclasses.replace(i, roi=i.roi or (x, y, width, height)) for i in items)
    items, known = labelled(items, settings, reporter.say)
    inputs = Inputs(items, left_out=left_out, known=known)
    for problem in expanded.problems:
        inputs.fail(problem.split(": ")[0], problem, reporter)
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
                printable(item.path), f"{printable(item.path)}: cannot be read ({error.strerror})", reporter
            )
    keys.save()
    return inputs


def open_item(item: Item, settings: Settings, origin: tuple[int, float] | None = None) -> VideoSource:
    """The item's frames as the settings and its manifest ask for them, counted from ``origin``."""
    start_s, end_s = window(item, settings)
    margin, size = settings.crop_window
    return open_video(
        item.path,
        item=item.name,
        backend=settings.backend,
        device=settings.device,
        color=settings.color,
        every=settings.every,
        fps=settings.fps,
        start_s=start_s,
        end_s=end_s,
        roi=item.roi,
        boxes=item.boxes,
        crop_margin=margin,
        crop_size=size,
        origin=origin,
    )


def window(item: Item, settings: Settings) -> tuple[float | None, float | None]:
    """From when to when in seconds, by the settings and the item's manifest; None: its beginning, its end."""
    start = max((s for s in (settings.start_s, item.start_s) if s is not None), default=None)
    end = min((s for s in (settings.end_s, item.end_s) if s is not None), default=None)
    return start, end


def named(inputs: Inputs, name: str) -> Item:
    """The item of this name; InputError where the sources do not hold it any more."""
    for item in inputs.items:
        if item.name == name:
            return item
    raise InputError(f"{name}: is no longer among the sources")


def refuse_other_counts(inputs: Inputs, models: Sequence[Any], entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise InputError where frames are named by number that are not there, and decoders give other numbers.

    Which frames such labels, detections and predictions mean is not known, since another program counted others.
    Those that go by time are not affected.
    """
    for entry in entries:
        counts = entry.get("frame_counts") or ()
        if len(counts) < 2:
            continue
        labels = inputs.known.labels
        mine = labels[(labels["item"] == entry["item"]) & labels["time_s"].isna()]
        named = {"the labels": int(mine["frame"].max()) if len(mine) else -1}
        named |= {m.name: m.last_frame(entry["item"]) for m in models if hasattr(m, "last_frame")}
        for who, last in named.items():
            if last >= counts[0]:
                others = " or ".join(map(str, counts[1:]))
                raise InputError(
                    f"{entry['item']}: {counts[0]} frames come out here, {others} elsewhere, and {who} name frame "
                    f"{last}: which frames are meant is not known. Give times instead of numbers, or code the "
                    "file anew"
                )
