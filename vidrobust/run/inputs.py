"""The items of a run: opened one after the other; one that fails is recorded, and the others go on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item import Item
from vidrobust.run.progress import Reporter
from vidrobust.run.settings import Settings
from vidrobust.video.source import VideoSource, open_video


@dataclass
class Inputs:
    """What the sources hold: items to read, what failed (path or source, and why), what was left out."""

    items: tuple[Item, ...]
    failed: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)

    def fail(self, path: str, error: str, reporter: Reporter) -> None:
        """Record that an input could not be read, once, and say so."""
        entry = {"path": path, "error": error}
        if entry not in self.failed:
            self.failed.append(entry)
            reporter.warn(f"error: {error}")


def find(settings: Settings, reporter: Reporter) -> Inputs:
    """Expand the sources; what names nothing usable is recorded as failed."""
    expanded = expand_sources(settings.sources)
    left_out = [{"path": str(each.path), "reason": each.reason} for each in expanded.left_out]
    inputs = Inputs(expanded.items, left_out=left_out)
    for problem in expanded.problems:
        inputs.fail(problem.split(": ")[0], problem, reporter)
    if left_out:
        reporter.say(f"{len(left_out)} file(s) in the folders given are no footage and are left out")
    return inputs


def open_item(item: Item, settings: Settings) -> VideoSource:
    """The item's frames as the settings ask for them."""
    return open_video(
        item.path,
        item=item.name,
        backend=settings.backend,
        device=settings.device,
        strict_device=settings.strict_device,
        color=settings.color,
        every=settings.every,
        fps=settings.fps,
        start_s=settings.start_s,
        end_s=settings.end_s,
    )


def for_each(
    inputs: Inputs, settings: Settings, reporter: Reporter, work: Callable[[Item, VideoSource], None]
) -> int:
    """Do some work on every item, with its source open. Returns how many items it succeeded on.

    An InputError ends that item's work and is recorded, and later passes leave the item out; any other error is
    a fault of the program and passes.
    """
    succeeded = 0
    failed = {entry["path"] for entry in inputs.failed}
    for item in inputs.items:
        if str(item.path) in failed:
            continue
        try:
            with open_item(item, settings) as source:
                work(item, source)
            succeeded += 1
        except InputError as error:
            inputs.fail(str(item.path), str(error), reporter)
    return succeeded


def sha256(path: Path) -> str:
    """Hash of a file; of a folder, the hash over the names and hashes of its files in order."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.iterdir() if p.is_file()):
            digest.update(f"{file.name}\0{sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(item: Item, source: VideoSource, frames: int, corrupt: int, last_s: float) -> dict[str, Any]:
    """What run.json says of an item that was read."""
    info = source.info
    return {
        "item": item.name,
        "path": str(item.path),
        "sha256": sha256(item.path),
        "width": info.width,
        "height": info.height,
        "frame_rate": float(info.frame_rate),
        "frames": frames,
        "corrupt_frames": corrupt,
        "end_s": last_s,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "color_space": info.color_space,
        "color_range": info.color_range,
        "backend": info.backend,
        "device": info.device,
        "reason": info.reason,
        "notes": list(info.notes),
        "problems": list(source.problems),
    }
