"""Rendering a data set: clips, a manifest and their truth."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.camera import Camera
from vidrobust.plugins.line.dials import BELT_SPEED_PX, FRAME_RATE, courses, station_settings
from vidrobust.plugins.line.parts import BOXES, EMPTY
from vidrobust.plugins.line.scene import Part, PlacedPart, make_part, make_scene, most_traffic

# One clip: a part passes a station once. Rendered, coded, and its truth written down.

VISIBLE = 0.25  # Share of a box inside the frame from which on it is listed
QUALITY = 25  # x264's crf while the dial compression is 0
# The crf under noise or focus, so that the coder does not smooth away what was planted
FINE_QUALITY = 12


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """What is to be rendered: part, pass and station from 1, every dial's size."""

    part: int
    pass_: int
    station: int
    frames: int
    seed: int
    settings: Mapping[str, float]

    @property
    def item(self) -> str:
        return f"part-{self.part:02d}_pass-{self.pass_}_station-{self.station}"

    @property
    def travel_px(self) -> np.ndarray:
        """(frames,) how far the belt has run."""
        return np.arange(self.frames) * float(self.settings["speed"])


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """Frames (HEIGHT, WIDTH, 3) uint8 RGB, yielded once, with the truth of each."""

    part: Part
    courses: Mapping[str, np.ndarray]
    placed: tuple[PlacedPart, ...]
    camera: Camera
    plan: ClipPlan

    def frames(self) -> Iterator[np.ndarray]:
        return (self.camera.frame(number) for number in range(self.plan.frames))

    def truth(self) -> list[dict[str, Any]]:
        plan = self.plan
        names = {
            "item": plan.item,
            "part": self.part.name,
            "pass": plan.pass_,
            "station": f"station-{plan.station}",
        }
        settings = {f"dial_{name}": size for name, size in plan.settings.items()}
        rows = []
        for number in range(plan.frames):
            boxes = self._boxes(number)
            main = [
                share
                for placed, _, share in boxes
                if placed.part == self.part.name and placed.what != "defect"
            ]
            rows.append(
                {
                    **names,
                    "frame": number,
                    "time_s": number / FRAME_RATE,
                    "label": self.part.label if main and main[0] >= 0.5 else EMPTY,
                    "whole": bool(main) and main[0] > 0.999,
                    **{name: float(values[number]) for name, values in self.courses.items()},
                    "boxes": [list(box) for _, box, _ in boxes],
                    "box_labels": [placed.what for placed, _, _ in boxes],
                    "box_parts": [placed.part for placed, _, _ in boxes],
                    **settings,
                }
            )
        return rows

    def _boxes(self, number: int) -> list[tuple[PlacedPart, tuple[float, ...], float]]:
        dx = float(self.plan.travel_px[number] + self.courses["shake_x_px"][number])
        dy = float(self.courses["shake_y_px"][number])
        boxes: list[tuple[PlacedPart, tuple[float, ...], float]] = []
        for placed in self.placed:
            x1, y1, x2, y2 = (v + d for v, d in zip(placed.box, (dx, dy, dx, dy), strict=True))
            cut = (max(x1, 0.0), max(y1, 0.0), min(x2, float(WIDTH)), min(y2, float(HEIGHT)))
            inside = max(cut[2] - cut[0], 0.0) * max(cut[3] - cut[1], 0.0)
            share = inside / max((x2 - x1) * (y2 - y1), 1e-9)
            if share >= VISIBLE:
                boxes.append((placed, cut, share))
        return boxes


def stage(plan: ClipPlan) -> RenderedClip:
    """Draw everything of a clip that comes before its first frame."""
    part = make_part(f"part-{plan.part:02d}", plan.part - 1, [plan.seed, 11])
    seeds = [plan.seed, 12, plan.part, plan.pass_, plan.station]
    station = [plan.seed, 13, plan.station]
    course = courses(plan.settings, plan.frames, [*seeds, 4])
    scene = make_scene(part, plan.travel_px, plan.settings, station, seeds)
    camera = Camera(scene, course, plan.travel_px, [*station, 1], seeds)
    return RenderedClip(part=part, courses=course, placed=scene.placed, camera=camera, plan=plan)


def render_clip(plan: ClipPlan, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write ``folder/ITEM.mp4``."""
    clip = stage(plan)
    path = folder / f"{plan.item}.mp4"
    beside = path.with_suffix(".part.mp4")
    encode(clip.frames(), beside, coding(plan.settings))
    os.replace(beside, path)
    truth = clip.truth()
    whole = [row["time_s"] for row in truth if row["whole"]]
    row = {
        "path": f"{folder.name}/{path.name}",
        "item": plan.item,
        "part": clip.part.name,
        "pass": plan.pass_,
        "station": f"station-{plan.station}",
        "level": "dynamic" if plan.settings["speed"] else "semi-dynamic",
        "label": clip.part.label,
        "start_s": round(whole[0], 6) if whole else float("nan"),
        "end_s": round(whole[-1] + 1 / FRAME_RATE, 6) if whole else float("nan"),
        "kind": clip.part.kind.name,
        "defect": clip.part.defect,
        "defect_size_px": round(clip.part.defect_size_px, 2),
        "seed": plan.seed,
        **{f"dial_{name}": size for name, size in plan.settings.items()},
    }
    return row, truth


def encode(frames: Iterator[np.ndarray], path: Path, options: Mapping[str, str]) -> None:
    """Encode H.264, 4:2:0, BT.601, on one thread, so that a seed gives the same bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = (
            1,
            6,
            6,
            6,
        )
        context.thread_count = 1
        stream.options = dict(options)
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU601")))
        container.mux(stream.encode(None))


def coding(settings: Mapping[str, float]) -> dict[str, str]:
    """Options of x264."""
    coarser = settings["compression"]
    if coarser > 0:
        return {
            "preset": "superfast",
            "crf": f"{QUALITY + coarser:g}",
            "g": str(FRAME_RATE),
            "sc_threshold": "0",
        }
    crf = FINE_QUALITY if settings["noise"] > 0 or settings["focus"] > 0 else QUALITY
    return {"preset": "superfast", "crf": str(crf), "g": "600", "sc_threshold": "0"}


# The known boxes of rendered clips in COCO's form for videos, which ``--labels`` reads.


def boxes_as_coco(truth: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """videos, images, annotations and categories, of rows of ``truth.parquet``."""
    videos: dict[str, int] = {}
    tracks: dict[tuple[str, str, str], int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in truth:
        video = videos.setdefault(row["item"], len(videos) + 1)
        images.append(
            {
                "id": len(images) + 1,
                "video_id": video,
                "frame_id": int(row["frame"]),
                "file_name": f"{row['item']}/{int(row['frame']):06d}",
            }
        )
        for box, label, part in zip(row["boxes"], row["box_labels"], row["box_parts"], strict=True):
            x1, y1, x2, y2 = (float(side) for side in box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": BOXES.index(label) + 1,
                    "track_id": tracks.setdefault((row["item"], part, label), len(tracks) + 1),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    return {
        "videos": [{"id": number, "name": name} for name, number in videos.items()],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(BOXES, 1)],
    }


# How far the belt runs in a clip whose dial speed is not turned: the part stays in view.
LONGEST_TRAVEL_PX = 220.0
MOST_BELT_PX = 20_000.0  # Longest stretch of belt that is drawn for one clip


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """How many clips of how many seconds are rendered, and their dials as ``--dial`` gives them."""

    parts: int
    passes: int = 1
    stations: int = 1
    seconds: float = 4.0
    seed: int = 0
    dials: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("parts", "passes", "stations"):
            if not 1 <= getattr(self, name) <= 999:
                raise SettingsError(f"--{name}: expected 1 to 999, got {getattr(self, name)}")
        if not 0.1 <= self.seconds <= 600:
            raise SettingsError(f"--seconds: expected 0.1 to 600, got {self.seconds:g}")
        if self.seed < 0:
            raise SettingsError(f"--seed: expected 0 or more, got {self.seed}")

    def plans(self) -> list[ClipPlan]:
        """Every clip; raises SettingsError for dials that do not exist or cannot be had together."""
        frames = max(3, round(self.seconds * FRAME_RATE))
        slow = min(BELT_SPEED_PX, LONGEST_TRAVEL_PX / frames)
        settings = station_settings(self.dials, self.stations, slow)
        for number, dials in enumerate(settings, 1):
            _possible(dials, frames, number)
        return [
            ClipPlan(
                part=part,
                pass_=again,
                station=station,
                frames=frames,
                seed=self.seed,
                settings=dials,
            )
            for part in range(1, self.parts + 1)
            for again in range(1, self.passes + 1)
            for station, dials in enumerate(settings, 1)
        ]


def render(
    settings: RenderSettings,
    out: Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write ``out/clips/*.mp4``, ``manifest.csv``, ``truth.parquet`` and ``boxes.json``; return the manifest."""
    plans = settings.plans()
    if (out / "manifest.csv").exists() and not overwrite:
        raise SettingsError(f"{out}: holds a data set already; give another folder, or --overwrite")
    clips = out / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    for row, frames in _each(plans, clips, workers):
        rows.append(row)
        truth += frames
        if progress:
            progress(len(rows), len(plans))
    manifest = pd.DataFrame(rows)
    beside = out / "truth.parquet.part"
    pd.DataFrame(truth).to_parquet(beside, index=False)
    os.replace(beside, out / "truth.parquet")
    write_text(out / "boxes.json", json.dumps(boxes_as_coco(truth)) + "\n")
    # last: a manifest means that all is there
    write_text(out / "manifest.csv", manifest.to_csv(index=False))
    return manifest


def _each(plans: Sequence[ClipPlan], clips: Path, workers: int) -> Any:
    if workers <= 1:
        yield from map(partial(render_clip, folder=clips), plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(partial(render_clip, folder=clips), plans)


def _possible(dials: dict[str, float], frames: int, station: int) -> None:
    speed, traffic = dials["speed"], dials["traffic"]
    if abs(speed) * frames > MOST_BELT_PX:
        raise SettingsError(
            f"station {station}: {frames} frames at {speed:g} px need more than {MOST_BELT_PX:g} px of belt; "
            "give fewer --seconds, or a slower --dial speed"
        )
    if traffic > most_traffic(speed):
        raise SettingsError(
            f"station {station}: a belt that runs {speed:.3g} px a frame brings at most "
            f"{most_traffic(speed):.2f} parts a second, not traffic={traffic:g}; give a faster --dial speed"
        )
