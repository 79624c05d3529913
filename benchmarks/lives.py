"""Are the lives of objects told right? Drawn worlds whose objects, gaps and ends are known.

    python benchmarks/lives.py [--seed 1] [--worlds 72]

Objects go through a frame of 640 x 360 px and are boxed by a planted detector. The states that the program
decides are compared with the truth. Frames after a loss, or before a late first box, count for up to a second.
"""

from __future__ import annotations

import dataclasses

import harness
import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.measures import measure

HEIGHT, WIDTH, LINE = 360, 640, 320.0
FRAMES, SECOND = 240, 25
BORDER = 1.5
KINDS = (
    *("gaps", "lost", "late", "bounce", "pillar"),
    *("hidden", "redrawn", "stride", "crowd", "alarms"),
)
PILLAR = (280.0, 0.0, 60.0, 360.0)


@dataclasses.dataclass(frozen=True)
class World:
    """What is drawn: boxes as a detector says them, and the truth.

    ``paths`` has object, frame and x of every object; whether it is boxed (seen), wholly in view (whole), and
    whether something lies over it (hidden).
    """

    kind: str
    speed: float
    found: ItemBoxes
    paths: pd.DataFrame
    settings: TrackSettings


def way(
    kind: str, speed: float, side: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(F,) frames and (F, 2) upper left corners of one object."""
    right = rng.random() < 0.5
    lane = rng.uniform(2, HEIGHT - side - 2)
    if kind == "bounce":
        at = np.array([rng.uniform(60, WIDTH - side - 60), rng.uniform(40, HEIGHT - side - 40)])
        angle = rng.uniform(0, 2 * np.pi)
        step = speed * np.array([np.cos(angle), np.sin(angle)])
        low, high = np.array([8.0, 8.0]), np.array([WIDTH - side - 8, HEIGHT - side - 8])
        corners = []
        for _ in range(FRAMES):
            corners.append(at.copy())
            at = at + step
            out = (at < low) | (at > high)
            step[out] *= -1
            at = np.where(at < low, 2 * low - at, np.where(at > high, 2 * high - at, at))
        return np.arange(FRAMES), np.array(corners)
    if kind == "crowd":
        return np.arange(FRAMES), np.tile([rng.uniform(40, WIDTH - 40 - side), lane], (FRAMES, 1))
    count = int(np.ceil((WIDTH + side) / speed)) + 1
    x = -side + speed * (np.arange(count) + rng.random())
    corners = np.column_stack([x if right else WIDTH - side - x, np.full(count, lane)])
    start = int(rng.integers(1, 60))
    frame = start + np.arange(count)
    kept = frame < FRAMES
    return frame[kept], corners[kept]


def drawn(kind: str, speed: float, rng: np.random.Generator) -> World:
    """One world."""
    count = {"bounce": 1, "crowd": 24, "hidden": 9, "pillar": 8}.get(kind, 4)
    settings = TrackSettings(occluders=(PILLAR,)) if kind == "pillar" else TrackSettings()
    every = int(rng.integers(2, 4)) if kind == "stride" else 1
    rows: list[tuple[int, np.ndarray, float, int, np.ndarray]] = []
    paths = []
    lanes: list[float] = []
    for number in range(count):
        side = float(rng.uniform(36, 64)) if kind != "crowd" else 28.0
        # things of one world do not lie over each other: that is another question
        for _ in range(200):
            frames, corners = way(kind, speed, side, rng)
            if kind == "bounce":
                break
            if kind == "crowd":
                apart = all(abs(corners[0] - other).max() > 40 for other in lanes)
                spot: object = corners[0]
            else:
                spot = corners[0, 1]
                room = HEIGHT / count
                side = min(side, room - 6)
                corners[:, 1] = number * room + (room - side) / 2
                if kind == "hidden":  # one lane and one way, so that the place can be learned
                    corners[:, 0] = np.sort(corners[:, 0])
                    corners[:, 1] = HEIGHT / 2
                    # the next begins when the one before has gone 1.6 of its own size: none lies on another
                    frames = frames - frames[0] + 1 + number * int(np.ceil(1.6 * 64 / speed))
                apart = True
            if apart:
                lanes.append(spot)  # type: ignore[arg-type]
                break
        else:
            continue
        frames, corners = frames[::every], corners[::every]
        frames = frames // every
        boxes = np.concatenate([corners, corners + side], axis=1)
        seen = rng.random(len(frames)) >= (
            0.03 if kind in ("lost", "late", "pillar", "hidden") else 0.12
        )
        whole = (boxes[:, 0] > BORDER) & (boxes[:, 2] < WIDTH - BORDER)
        middle = (boxes[:, 0] + boxes[:, 2]) / 2
        hidden = np.zeros(len(frames), bool)
        if kind == "lost":
            seen &= np.arange(len(frames)) < np.argmin(np.abs(middle - LINE - rng.uniform(-80, 80)))
        if kind == "late" and whole.any():
            seen &= np.arange(len(frames)) >= np.argmax(whole) + int(rng.integers(2, 23))
        if kind in ("pillar", "hidden"):
            under = np.minimum(boxes[:, 2], PILLAR[0] + PILLAR[2]) - np.maximum(
                boxes[:, 0], PILLAR[0]
            )
            hidden = under > 0.3 * side
            seen &= ~hidden
        clip = np.clip(boxes, 0, [WIDTH, HEIGHT] * 2)
        shown = clip[:, 2] - clip[:, 0] > 0.4 * side
        for k in np.flatnonzero(seen & shown):
            box = clip[k] + rng.normal(0, 0.01, 4) * side
            if kind == "redrawn" and rng.random() < 0.25:
                edge = rng.integers(4)
                box[edge] += (1 if edge < 2 else -1) * rng.uniform(0.2, 0.4) * side
            step = corners[min(k + 1, len(corners) - 1)] - corners[k]
            shift = step if rng.random() < 0.7 else np.full(2, np.nan)
            rows.append(
                (
                    int(frames[k]),
                    np.clip(box, 0, [WIDTH, HEIGHT] * 2),
                    rng.uniform(0.55, 0.95),
                    0,
                    shift,
                )
            )
        about = {
            "object": number,
            "frame": frames,
            "seen": seen,
            "hidden": hidden,
            "whole": whole,
            "x": middle,
        }
        paths.append(pd.DataFrame(about))
    if kind == "alarms":
        for _ in range(12):
            corner, size = rng.uniform(20, [WIDTH - 60, HEIGHT - 60]), rng.uniform(12, 30)
            for frame in np.flatnonzero(rng.random(FRAMES) < 0.04):
                box = np.concatenate([corner, corner + size]) + rng.normal(0, 1, 4)
                rows.append((int(frame), box, rng.uniform(0.5, 0.7), 1, np.zeros(2)))
    rows.sort(key=lambda row: row[0])
    frames_kept = FRAMES // every
    rows = [row for row in rows if row[0] < frames_kept]
    found = ItemBoxes(
        frame=np.array([row[0] for row in rows], np.int64),
        boxes=np.array([row[1] for row in rows]).reshape(-1, 4),
        scores=np.array([row[2] for row in rows]),
        labels=np.array([row[3] for row in rows], np.int64),
        shift=np.array([row[4] for row in rows]).reshape(-1, 2),
        num_frames=frames_kept,
        joined=np.arange(frames_kept) > 0,
        size=(HEIGHT, WIDTH),
    )
    return World(kind, speed, found, pd.concat(paths, ignore_index=True), settings)


def crossings(object_: np.ndarray, frame: np.ndarray, x: np.ndarray) -> int:
    """How often a path goes over the line."""
    order = np.lexsort((frame, object_))
    side = x[order] > LINE
    same = object_[order][1:] == object_[order][:-1]
    return int((same & (side[1:] != side[:-1])).sum())


def truth(world: World) -> tuple[int, int, int]:
    """Missed frames, objects with three boxes or more, and crossings between first and last box."""
    missed = objects = over = 0
    for _, path in world.paths.groupby("object"):
        path = path[path["frame"] < world.found.num_frames]
        boxed = path.loc[path["seen"], "frame"]
        if len(boxed) < 3:
            continue
        objects += 1
        first, last = boxed.min(), boxed.max()
        out = path[~path["seen"] & path["whole"] & ~path["hidden"]]
        near = (out["frame"] >= first - SECOND) & (out["frame"] <= last + SECOND)
        missed += int(near.sum())
        inner = path[(path["frame"] >= first) & (path["frame"] <= last)]
        over += crossings(
            inner["object"].to_numpy(), inner["frame"].to_numpy(), inner["x"].to_numpy()
        )
    return missed, objects, over


def said(world: World) -> tuple[int, int, int]:
    """The same as the program says it."""
    objects = follow(world.found, world.settings)
    found = measure(world.found, objects, world.settings)
    own = found.along[found.along["alarm"] == 0]
    x = ((own["x1"] + own["x2"]) / 2).to_numpy(np.float64)
    inner = (
        own["evidence"]
        .isin(("box", "between", "covered", "occluder", "behind", "place"))
        .to_numpy()
    )
    over = crossings(own["track"].to_numpy()[inner], own["row"].to_numpy()[inner], x[inner])
    # frames in which the object is cut by the border count on neither side
    whole = ((own["x1"] > BORDER) & (own["x2"] < WIDTH - BORDER)).to_numpy()
    return (
        int(((own["uncovered"] == 1) & whole).sum()),
        int((found.tracks["alarm"] == 0).sum()),
        over,
    )


def main() -> None:
    """Draw the worlds, then a row a kind."""
    parser = harness.parser(__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=70)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    rows = []
    for number in range(given.worlds):
        kind = KINDS[number % len(KINDS)]
        speed = float(np.exp(rng.uniform(0, np.log(80))))
        world = drawn(kind, speed, np.random.default_rng([given.seed, number]))
        rows.append((kind, speed, *truth(world), *said(world)))
    names = "kind speed missed objects crossings said tracks counted"
    found = pd.DataFrame(rows, columns=names.split())
    off = (found["said"] - found["missed"]).abs()
    found = found.assign(
        right=(off <= np.maximum(1, 0.05 * found["missed"])),
        number=(found["tracks"] - found["objects"]).abs() <= 1,
        line=(found["counted"] - found["crossings"]).abs()
        <= np.maximum(0.5, 0.1 * found["crossings"]),
    )
    table = harness.table(
        "worlds",
        "missed: true",
        "said",
        "within 5 %",
        "objects within 1",
        "lines within 10 %",
    )
    for kind, part in (*found.groupby("kind", sort=False), ("all", found)):
        table.row(
            f"{kind} ({len(part)})",
            int(part["missed"].sum()),
            int(part["said"].sum()),
            *(f"{int(part[name].sum())} of {len(part)}" for name in ("right", "number", "line")),
        )


if __name__ == "__main__":
    harness.run(main)
