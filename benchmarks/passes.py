"""Passes and visits found where their truth is known: how many, and how far off their ends are.

    python benchmarks/passes.py [--clips 3] [--corpus ../shared/corpus] [--held-out DIR]

Three worlds: rendered parts that cross at six speeds, under seven conditions each; rendered parts that a drawn
arm places and takes away; and real clips whose truth was read by eye from single frames (data/passes_real.csv;
with --held-out and --judged also data/passes_held_out.csv and passes_judged.csv, which name their sources).
--clips 0: real clips alone.
On the belt truth is where the part's box, moved with the belt and the shake, touches the picture, and where it is
wholly inside; of placed parts it is while the part lies there and the arm covers none of it. A visit counts as
right where both ends lie within 0.2 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import harness
import numpy as np
import pandas as pd
from harness import say
from scipy.optimize import linear_sum_assignment

from vidrobust.plugins.gauge.find_passes import passes_or_visits
from vidrobust.plugins.gauge.passes import Pass
from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.camera import Camera
from vidrobust.plugins.line.dials import FRAME_RATE, courses, station_settings
from vidrobust.plugins.line.render import ClipPlan, RenderedClip, stage
from vidrobust.plugins.line.scene import make_scene

WIDTH_PX = 160
SPEEDS = (4.0, -8.0, 12.0, -20.0, 30.0, -40.0)
CONDITIONS = {
    "at rest": (),
    "light 0.2": ("light=0.2",),
    "exposure 0.2": ("exposure=0.2",),
    "shake 2": ("shake=2",),
    "shake 6": ("shake=6",),
    "noise 8": ("noise=8",),
    "focus 2": ("focus=2",),
}
RIGHT_S = 0.2
REAL = Path(__file__).parent / "data" / "passes_real.csv"
HELD_OUT = REAL.with_name("passes_held_out.csv")
JUDGED = REAL.with_name("passes_judged.csv")
ARM = (178, 128, 104)
COLUMNS = ("condition", "visits", "found", "right", "others", "starts off, s", "ends off, s")

Span = tuple[int, int]


def crossing_truth(clip: RenderedClip) -> tuple[Span, Span]:
    """First and last frames in which any, and in which all, of the clip's part is in the picture."""
    box = next(p.box for p in clip.placed if p.part == clip.part.name and p.what != "defect")
    x = clip.plan.travel_px + clip.courses["shake_x_px"]
    y = clip.courses["shake_y_px"]
    some = (box[2] + x > 0) & (box[0] + x < WIDTH)
    whole = (box[0] + x >= 0) & (box[2] + x <= WIDTH) & (box[1] + y >= 0) & (box[3] + y <= HEIGHT)
    some_at, whole_at = np.flatnonzero(some), np.flatnonzero(whole)
    return (int(some_at[0]), int(some_at[-1])), (int(whole_at[0]), int(whole_at[-1]))


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """(H, W) uint8 grey, WIDTH_PX wide."""
    size = (WIDTH_PX, round(rgb.shape[0] * WIDTH_PX / rgb.shape[1]))
    return cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)


def crossing(dials: Sequence[str], part: int, speed: float) -> tuple[np.ndarray, tuple[Span, Span]]:
    """Thumbnails of one rendered part that crosses, and its truth: in view, and whole."""
    frames = int((WIDTH + 320) / abs(speed)) + 24
    settings = station_settings([f"speed={speed}", *dials], 1)[0]
    clip = stage(ClipPlan(part=part, pass_=1, station=1, frames=frames, seed=5, settings=settings))
    return np.stack([thumbnail(frame) for frame in clip.frames()]), crossing_truth(clip)


def placed(dials: Sequence[str], part: int, visits: int = 3) -> tuple[np.ndarray, list[Span]]:
    """Thumbnails of one rendered part that an arm puts down and takes away, and while it lies there uncovered."""
    rng = np.random.default_rng(part)
    script = _script(rng, visits)
    frames = len(script)
    settings = station_settings(["speed=0", *dials], 1)[0]
    clip = stage(ClipPlan(part=part, pass_=1, station=1, frames=frames, seed=5, settings=settings))
    own, station = [5, 12, part, 1, 1], [5, 13, 1]
    course = courses(settings, frames, [*own, 4])
    empty = Camera(
        make_scene(None, clip.plan.travel_px, settings, station, own),
        course,
        clip.plan.travel_px,
        [*station, 1],
        own,
    )
    x1, y1, x2, y2 = next(p.box for p in clip.placed if p.what != "defect")
    pictures, lies = [], []
    for number, (there, reach) in enumerate(script):
        rgb = (clip.camera if there else empty).frame(number)
        if reach > 0:
            rgb = _with_arm(rgb, (x1 + x2) / 2, reach * (y2 - 0.2 * (y2 - y1)))
        pictures.append(thumbnail(rgb))
        lies.append(there and reach * (y2 - 0.2 * (y2 - y1)) < y1 - 4)
    turns = np.flatnonzero(np.diff(np.concatenate([[0], lies, [0]]).astype(int)))
    return np.stack(pictures), [(int(a), int(b) - 1) for a, b in turns.reshape(-1, 2)]


def _script(rng: np.random.Generator, visits: int) -> list[tuple[bool, float]]:
    """Frame by frame: whether the part lies there, and how far down the arm reaches, 0 to 1."""
    down = np.linspace(0, 1, 11)
    script: list[tuple[bool, float]] = []
    for _ in range(visits):
        script += [(False, 0.0)] * int(rng.integers(12, 40))
        script += [(False, float(r)) for r in down] + [(True, float(r)) for r in down[::-1]]
        script += [(True, 0.0)] * int(rng.integers(25, 70))
        script += [(True, float(r)) for r in down] + [(True, 1.0)] * int(rng.integers(0, 12))
        script += [(False, float(r)) for r in down[::-1]]
    return script + [(False, 0.0)] * 20


def _with_arm(rgb: np.ndarray, x: float, reach: float) -> np.ndarray:
    """The picture with an arm from above down to ``reach`` px, and its soft shadow beside it."""
    mask = np.zeros(rgb.shape[:2], np.float32)
    cv2.line(mask, (round(x + 60), -40), (round(x), round(reach) - 34), 1.0, 68, cv2.LINE_AA)
    shade = cv2.GaussianBlur(np.roll(mask, (10, 26), (0, 1)), (0, 0), 12)[..., None]
    dark = rgb * (1 - 0.3 * shade)
    return np.asarray(dark * (1 - mask[..., None]) + np.array(ARM) * mask[..., None], np.uint8)


def matched(found: Iterable[Span], true: Iterable[Span]) -> tuple[list[tuple[int, int]], int]:
    """Of each true span that one overlaps, the errors of both ends in frames; and how many are left over."""
    spans, truths = np.array(list(found)).reshape(-1, 2), np.array(list(true)).reshape(-1, 2)
    off = spans[:, None] - truths[None]
    apart = (spans[:, None, 1] < truths[None, :, 0]) | (spans[:, None, 0] > truths[None, :, 1])
    pairs = zip(*linear_sum_assignment(np.abs(off).sum(axis=2) + 1e6 * apart), strict=True)
    errors = [(int(off[f, t, 0]), int(off[f, t, 1])) for f, t in pairs if not apart[f, t]]
    return errors, len(spans) - len(errors)


def crosses(found: Pass) -> bool:
    """Whether it is a row of the manifest."""
    return found.crossed


def inside(found: Pass) -> Span:
    """While the part is whole, or uncovered."""
    return found.whole_first, found.whole_last


def in_view(found: Pass) -> Span:
    """While any of it is in the picture."""
    return found.first, found.last


def row(
    name: str,
    visits: int,
    errors: list[tuple[int, int]],
    others: int,
    rate: float,
    table: harness.Table,
) -> None:
    """Print one condition."""
    off = np.array(errors, float).reshape(-1, 2) / rate
    right = int((np.abs(off) <= RIGHT_S + 1e-9).all(axis=1).sum())
    ends = [f"{e.mean():+.2f} ({e.min():+.2f} to {e.max():+.2f})" if len(e) else "-" for e in off.T]
    table.row(name, visits, len(errors), right, others, *ends)


def main() -> None:
    """Print the three worlds."""
    parser = harness.parser(__doc__)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument(
        "--held-out", type=Path, help="the folder of the clips of passes_held_out.csv"
    )
    parser.add_argument("--judged", type=Path, help="the folder of the clips of passes_judged.csv")
    given = parser.parse_args()
    if given.clips:
        rendered(range(1, given.clips + 1))
    real(REAL, given.corpus)
    for truth, folder in ((HELD_OUT, given.held_out), (JUDGED, given.judged)):
        if folder is not None:
            real(truth, folder)


def rendered(parts: Sequence[int]) -> None:
    """Print the two worlds of rendered parts."""
    say("A part that crosses, while any of it is in view, and while all of it is:\n")
    table = harness.table(*COLUMNS)
    for speed in SPEEDS:
        errors: dict[str, list[tuple[int, int]]] = {"in view": [], "whole": []}
        others = 0
        for dials in CONDITIONS.values():
            for part in parts:
                pictures, truths = crossing(dials, part, speed)
                found = [p for p in passes_or_visits(pictures).passes if p.crossed]
                for kind, spans, span in zip(errors, (in_view, inside), truths, strict=True):
                    got, left = matched(map(spans, found), [span])
                    errors[kind] += got
                others += left
        for kind, got in errors.items():
            row(
                f"{speed:g} px, {kind}",
                len(parts) * len(CONDITIONS),
                got,
                others,
                FRAME_RATE,
                table,
            )
    say("\nA part that is placed and taken away:\n")
    table = harness.table(*COLUMNS)
    for name, dials in CONDITIONS.items():
        got, count, others = [], 0, 0
        for part in parts:
            pictures, true = placed(dials, part)
            more, left = matched(
                map(inside, filter(crosses, passes_or_visits(pictures).passes)), true
            )
            got, count, others = got + more, count + len(true), others + left
        row(name, count, got, others, FRAME_RATE, table)


def real(truth: Path, folder: Path) -> None:
    """Print the clips whose passes were counted by eye."""
    say("\nReal clips:\n")
    table = harness.table(*COLUMNS)
    for (path, kind), rows in pd.read_csv(truth, comment="#").groupby(["path", "kind"], sort=False):
        file = folder / str(path)
        if not file.is_file():
            say(f"{file} is not there")
            continue
        pictures, rate = read(file)
        pictures = pictures[: int(rows["frames"].iloc[0])] if "frames" in rows else pictures
        result = passes_or_visits(pictures)
        found = list(filter(crosses, result.passes))
        spans = in_view if kind == "crosses" else inside
        rows = rows[rows["first"] >= 0]  # nothing crosses wholly or is placed; or too many to count
        true = list(zip(rows["first"], rows["last"], strict=True))
        got, left = matched(map(spans, found), true)
        said = f"; {sum(bool(p.remark) for p in found)} with a remark" if found else ""
        row(f"{path}{said}" + "; a note" * bool(result.notes), len(true), got, left, rate, table)


def read(file: Path) -> tuple[np.ndarray, float]:
    """Thumbnails and frame rate of a clip."""
    video = cv2.VideoCapture(str(file))
    pictures: list[np.ndarray] = []
    while True:
        there, bgr = video.read()
        if not there:
            return np.stack(pictures), float(video.get(cv2.CAP_PROP_FPS))
        pictures.append(thumbnail(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)))


if __name__ == "__main__":
    harness.run(main)
