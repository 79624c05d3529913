"""What a file is, decoded from first frame to last, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources, source_of
from vidrobust.footage.item import Item
from vidrobust.text.printable import bytes_shown, printable
from vidrobust.video.region import Region
from vidrobust.video.selection import Selection
from vidrobust.video.source import VideoSource, open_video

BATCH = 4
# seconds from one frame to the next that differ by more than this share are uneven
SAME_STEP = 0.02


def inspect_paths(
    paths: Sequence[str], *, frame_md5: bool = False, backend: str = "auto"
) -> list[dict[str, Any]]:
    """Return an entry per item that ``paths`` name, and per path without items.

    Keys: path, codec, pixel_format, width, height, frame_rate (a fraction as text), frames (decoded),
    duration_s (to the end of the last frame), corrupt_frames, problems, frame_md5 (of RGB24 bytes, as
    ffmpeg's framemd5 muxer), notes, backend, reason.
    """
    expanded = expand_sources(paths)
    entries = [inspect_item(item, frame_md5=frame_md5, backend=backend) for item in expanded.items]
    entries += [_unreadable(source_of(problem), problem) for problem in expanded.problems]
    return [entry | {"path": bytes_shown(entry["path"])} for entry in entries]


def inspect_item(item: Item, *, frame_md5: bool = False, backend: str = "auto") -> dict[str, Any]:
    try:
        with open_video(
            item.path,
            item=item.name,
            backend=backend,
            device="cpu",
            color="fast",
            selection=Selection(start_s=item.start_s, end_s=item.end_s),
            cut=None if item.roi is None else Region(item.roi, item.path),
        ) as video:
            return _entry(str(item.path), video, frame_md5)
    except InputError as error:
        return _unreadable(str(item.path), str(error))
    except MemoryError:
        return _unreadable(
            str(item.path), f"{printable(item.path)}: memory ran out over its pictures"
        )


def _entry(path: str, video: VideoSource, frame_md5: bool) -> dict[str, Any]:
    times: list[np.ndarray] = []
    corrupt = 0
    md5: list[str] = []
    for batch in video.batches(BATCH):
        times.append(batch.time_s)
        corrupt += int(batch.corrupt.sum())
        if frame_md5:
            pictures = batch.pixels.permute(0, 2, 3, 1).numpy()
            md5 += [hashlib.md5(p.tobytes(), usedforsecurity=False).hexdigest() for p in pictures]
    info = video.info
    time_s = np.concatenate(times) if times else np.empty(0)
    return {
        "path": path,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "width": info.width,
        "height": info.height,
        "frame_rate": str(info.frame_rate),
        "frames": len(time_s),
        "duration_s": round(_duration_s(time_s, float(1 / info.frame_rate)), 6),
        "corrupt_frames": corrupt,
        "problems": list(video.problems),
        "frame_md5": md5 if frame_md5 else None,
        "notes": [*info.notes, *_time_notes(time_s)],
        "color_space": info.color_space,
        "color_range": info.color_range,
        "backend": info.backend,
        "reason": info.reason,
    }


def _duration_s(time_s: np.ndarray, step_s: float) -> float:
    if len(time_s) < 2:
        return len(time_s) * step_s
    return float(time_s.max() - time_s.min() + np.median(np.diff(time_s)))


def _time_notes(time_s: np.ndarray) -> list[str]:
    steps = np.diff(time_s)
    if len(steps) < 2 or steps.max() - steps.min() <= max(SAME_STEP * np.median(steps), 2e-3):
        return []
    return [f"frames are {steps.min() * 1e3:.1f} to {steps.max() * 1e3:.1f} ms apart"]


def _unreadable(path: str, problem: str) -> dict[str, Any]:
    unknown = (
        *("codec", "pixel_format", "width", "height", "frame_rate"),
        *("color_space", "color_range", "backend", "reason", "frame_md5"),
    )
    entry: dict[str, Any] = {"path": path, **dict.fromkeys(unknown)}
    return entry | {
        "frames": 0,
        "duration_s": 0.0,
        "corrupt_frames": 0,
        "problems": [problem],
        "notes": [],
    }
