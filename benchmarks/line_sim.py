"""How fast the simulated line renders: clips of 640 x 480, coded and written, on one process and on two.

    python benchmarks/line_sim.py [--clips 8] [--seconds 4] [--workers 1 2] [--dial light=0.1 ...]

Frames a second of wall-clock time, start of the processes included, and CPU time a frame. While other work shares
the cores, the first figure is only a lower bound; the second holds nearly as well.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import harness
from harness import say

from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.render import RenderSettings, render


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dial", action="append", default=[])
    given = parser.parse_args()
    settings = RenderSettings(parts=given.clips, seconds=given.seconds, dials=tuple(given.dial))
    frames = sum(plan.frames for plan in settings.plans())
    load = os.getloadavg()[0]
    say(
        f"{given.clips} clips, {frames} frames of {WIDTH} x {HEIGHT}; load of the machine at the start {load:.1f}"
    )
    for workers in given.workers:
        with tempfile.TemporaryDirectory() as folder:
            before, start = os.times(), time.perf_counter()
            render(settings, Path(folder) / "line", workers=workers)
            wall, after = time.perf_counter() - start, os.times()
        cpu = sum(getattr(after, name) - getattr(before, name) for name in _CPU)
        say(
            f"workers {workers}: {frames / wall:6.1f} frames/s, {cpu / frames * 1e3:5.2f} ms of CPU a frame"
        )


_CPU = ("user", "system", "children_user", "children_system")

if __name__ == "__main__":
    harness.run(main)
