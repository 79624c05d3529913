"""Passes found in rendered clips whose entering and leaving is known: the errors in frames.

    python benchmarks/passes.py [--clips 6] [--seconds 3]

Truth is where the part's box, moved with the belt and the shake, touches the picture: ``first`` is the first frame
in which any of it is inside, ``whole_first`` the first in which all is, and so on. An error is found minus true.
"""

from __future__ import annotations

import cv2
import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.line_sim.belt import HEIGHT, WIDTH
from vidrobust.line_sim.clip import ClipPlan, RenderedClip, stage
from vidrobust.line_sim.dials import station_settings
from vidrobust.repeatability.passes import find_passes

WIDTH_PX = 160
CONDITIONS = {
    "at rest": (),
    "light 0.2": ("light=0.2",),
    "exposure 0.2": ("exposure=0.2",),
    "shake 2": ("shake=2",),
    "noise 8": ("noise=8",),
    "focus 2": ("focus=2",),
    "traffic 0.6": ("traffic=0.6",),
}
EVENTS = ("first", "whole_first", "whole_last", "last")


def truth(clip: RenderedClip) -> dict[str, int]:
    """First and last frames in which any, and all, of the clip's part is in the picture."""
    box = next(p.box for p in clip.placed if p.part == clip.part.name and p.what != "defect")
    x = clip.plan.travel_px + clip.courses["shake_x_px"]
    y = clip.courses["shake_y_px"]
    some = (box[2] + x > 0) & (box[0] + x < WIDTH)
    whole = (box[0] + x >= 0) & (box[2] + x <= WIDTH) & (box[1] + y >= 0) & (box[3] + y <= HEIGHT)
    found = {}
    for name, inside in (("", some), ("whole_", whole)):
        frames = np.flatnonzero(inside)
        found |= {f"{name}first": int(frames[0]), f"{name}last": int(frames[-1])}
    return found


def thumbnails(clip: RenderedClip, width: int = WIDTH_PX) -> np.ndarray:
    """(N, H, W) uint8 grey."""
    size = (width, round(HEIGHT * width / WIDTH))
    grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames())
    return np.stack([cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in grey])


def errors(dials: tuple[str, ...], clips: int, seconds: float, speed: float) -> pd.DataFrame:
    """One row a true pass: error of each event, and how many passes were found in its clip."""
    settings = station_settings([f"speed={speed}", *dials], 1)[0]
    rows = []
    for part in range(1, clips + 1):
        clip = stage(
            ClipPlan(part=part, pass_=1, station=1, frames=round(30 * seconds), seed=5, settings=settings)
        )
        true = truth(clip)
        found = [p for p in find_passes(thumbnails(clip)).passes if p.crossed]
        near = min(
            found, key=lambda p: abs(p.first - true["first"]) + abs(p.last - true["last"]), default=None
        )
        row: dict[str, object] = {"part": part, "found": len(found)}
        for event in EVENTS:
            row[event] = np.nan if near is None else getattr(near, event) - true[event]
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Print a table of conditions."""
    parser = harness.parser(__doc__)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    say("| condition | clips | passes found | " + " | ".join(EVENTS) + " |")
    say("|---|---|---|" + "---|" * len(EVENTS))
    for speed in (12.0, -20.0):
        for name, dials in CONDITIONS.items():
            table = errors(dials, given.clips, given.seconds, speed)
            lines = [
                f"{table[e].mean():+.1f} ({table[e].min():+.0f} to {table[e].max():+.0f})" for e in EVENTS
            ]
            cells = (f"{speed:g} px, {name}", str(len(table)), str(table["found"].sum()), *lines)
            say(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    harness.run(main)
