"""One clip: a part passes a station once. Rendered, coded, and its truth written down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidrobust.line_sim.belt import HEIGHT, WIDTH
from vidrobust.line_sim.camera import Camera
from vidrobust.line_sim.dials import FRAME_RATE, courses
from vidrobust.line_sim.parts.kinds import EMPTY
from vidrobust.line_sim.scene import Part, Placed, make_part, make_scene

VISIBLE = 0.25
"""Share of a box inside the frame from which on it is listed."""
QUALITY = 25
"""x264's crf while the dial compression is 0."""
FINE_QUALITY = 12
"""The crf where noise or focus is turned, so that the coder does not smooth away what was planted."""


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """What is to be rendered.

    part, pass_, station  numbers from 1
    settings              every dial's size
    """

    part: int
    pass_: int
    station: int
    frames: int
    seed: int
    settings: Mapping[str, float]

    @property
    def item(self) -> str:
        """The name of the clip's file without its suffix."""
        return f"part-{self.part:02d}_pass-{self.pass_}_station-{self.station}"

    @property
    def travel_px(self) -> np.ndarray:
        """(frames,) how far the belt has run."""
        return np.arange(self.frames) * float(self.settings["speed"])


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """frames yields (HEIGHT, WIDTH, 3) uint8 RGB once; truth is one row a frame."""

    part: Part
    courses: Mapping[str, np.ndarray]
    placed: tuple[Placed, ...]
    camera: Camera
    plan: ClipPlan

    def frames(self) -> Iterator[np.ndarray]:
        """The pictures in order."""
        return (self.camera.frame(number) for number in range(self.plan.frames))

    def truth(self) -> list[dict[str, Any]]:
        """One row a frame: names, every dial's setting and course, and the boxes in view."""
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

    def _boxes(self, number: int) -> list[tuple[Placed, tuple[float, ...], float]]:
        """What is in view: the box cut to the frame, px, and the share of it that is inside."""
        dx = float(self.plan.travel_px[number] + self.courses["shake_x_px"][number])
        dy = float(self.courses["shake_y_px"][number])
        found: list[tuple[Placed, tuple[float, ...], float]] = []
        for placed in self.placed:
            x1, y1, x2, y2 = (v + d for v, d in zip(placed.box, (dx, dy, dx, dy), strict=True))
            cut = (max(x1, 0.0), max(y1, 0.0), min(x2, float(WIDTH)), min(y2, float(HEIGHT)))
            inside = max(cut[2] - cut[0], 0.0) * max(cut[3] - cut[1], 0.0)
            share = inside / max((x2 - x1) * (y2 - y1), 1e-9)
            if share >= VISIBLE:
                found.append((placed, cut, share))
        return found


def stage(plan: ClipPlan) -> RenderedClip:
    """Everything of a clip that is drawn before its first frame.

    A part is the same wherever it comes; its pose, what rides by and the course of the dials are of the pass and
    the station; belt and machine are the station's.
    """
    part = make_part(f"part-{plan.part:02d}", plan.part - 1, [plan.seed, 11])
    own = [plan.seed, 12, plan.part, plan.pass_, plan.station]
    station = [plan.seed, 13, plan.station]
    course = courses(plan.settings, plan.frames, [*own, 4])
    scene = make_scene(part, plan.travel_px, plan.settings, station, own)
    camera = Camera(scene, course, plan.travel_px, [*station, 1], own)
    return RenderedClip(part=part, courses=course, placed=scene.placed, camera=camera, plan=plan)


def render_clip(plan: ClipPlan, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write ``folder/ITEM.mp4``; the clip's row of the manifest and its rows of the truth."""
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
    """H.264, 4:2:0, BT.601, on one thread, so that a seed gives the same bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 6, 6, 6
        context.thread_count = 1
        stream.options = dict(options)
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU601")))
        container.mux(stream.encode(None))


def coding(settings: Mapping[str, float]) -> dict[str, str]:
    """Options of x264: constant quality, coarser by the dial, with a keyframe every second once it is turned."""
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
