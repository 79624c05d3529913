"""Key points and masks on the simulated line: networks trained here, and what is recovered of planted faults.

    python benchmarks/tasks.py --out DIR

Corners and masks of parts come from the outlines that the line draws. Two small networks learn them in under a
minute and are saved as ONNX. Jitter, swaps, lost joints and flips of known size are measured, TC is computed
anew, and six parts under one planted condition each are studied. Whatever is in DIR is not made again.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.task_meter import TaskMeter
from vidrobust.plugins.line.dials import station_settings
from vidrobust.plugins.line.parts import FINE, KINDS
from vidrobust.plugins.line.render import ClipPlan, stage
from vidrobust.plugins.line.scene import turned

BOARD = 4  # number of the first part that is a board
CORNERS = ("left_top", "right_top", "right_bottom", "left_bottom")
CLASSES = ("ground", *(kind.name for kind in KINDS))
SIZE, INPUT = (240, 320), (120, 160)  # of footage and of both networks' input, px
BINS = 4  # of the SimCC head, a px of the input
MEAN, STD = (
    (torch.tensor(v).view(1, 3, 1, 1)) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
)
# px of the input, widths of the scores about a joint and of the heat it is taught
SOFT, HEAT = (2.0, 3.0)


@dataclass(frozen=True)
class Shot:
    """frames (N, 240, 320, 3) uint8, corners (N, 4, 2) px, maps (N, 240, 320) uint8."""

    frames: np.ndarray
    corners: np.ndarray
    maps: np.ndarray


def shoot(*dials: str, part: int = BOARD, frames: int = 40, seed: int = 3) -> Shot:
    """Return a clip of one part at half size, with its corners and masks."""
    settings = station_settings(dials, 1)[0]
    clip = stage(
        ClipPlan(part=part, pass_=1, station=1, frames=frames, seed=seed, settings=settings)
    )
    # of the scene: its place in x and y, then its angle
    rng = np.random.default_rng([seed, 12, part, 1, 1, 1])
    angle = [rng.uniform(-14, 14), rng.uniform(-6, 6), rng.uniform(-7, 7)][2]
    alpha = turned(clip.part.surface, angle)[0].alpha
    first = [np.flatnonzero((alpha >= 0.3).any(axis=axis))[0] for axis in (0, 1)]
    # px, of the drawing of the part
    corner = np.array(clip.placed[0].box[:2]) - np.array(first) / FINE
    box = cv2.boxPoints(cv2.minAreaRect(np.argwhere(alpha > 0.5)[:, ::-1].astype(np.float32)))
    ends = (box + 0.5) / FINE + corner
    # clockwise from the left top
    ends = ends[np.argsort(np.arctan2(*(ends - ends.mean(axis=0)).T[::-1]))]
    label = 1 + KINDS.index(clip.part.kind)
    corners, maps, course = [], [], clip.courses
    for number in range(frames):
        off = np.array(
            [
                clip.plan.travel_px[number] + course["shake_x_px"][number],
                course["shake_y_px"][number],
            ]
        )
        corners.append((ends + off) / 2 - 0.5)
        at = (corner + off + 0.5 / FINE) / 2 - 0.5
        to_frame = np.array([[0.5 / FINE, 0, at[0]], [0, 0.5 / FINE, at[1]]])
        seen = cv2.warpAffine(alpha, to_frame, SIZE[::-1], flags=cv2.INTER_AREA)
        maps.append(np.where(seen > 0.5, label, 0).astype(np.uint8))
    small = [cv2.resize(each, SIZE[::-1], interpolation=cv2.INTER_AREA) for each in clip.frames()]
    return Shot(np.stack(small), np.stack(corners), np.stack(maps))


def _trunk() -> nn.Sequential:
    def layer(inputs: int, outputs: int, stride: int, dilation: int = 1) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(
        layer(3, 16, 2),
        layer(16, 32, 2),
        layer(32, 32, 1, 2),
        layer(32, 32, 1, 4),
        layer(32, 32, 1, 8),
    )


class CornerNetwork(nn.Module):
    """(N, 3, 120, 160) -> SimCC scores (N, 4, 640) and (N, 4, 480), by integral regression (Sun et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = _trunk(), nn.Conv2d(32, len(CORNERS), 1)
        y, x = torch.meshgrid(
            *(torch.arange(side // 4) * 4.0 + 1.5 for side in INPUT), indexing="ij"
        )
        self.register_buffer("grid", torch.stack([x, y]).flatten(1).T)

    def heat(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, 4, 1200) logarithms of each corner's share of the cells."""
        return self.head(self.trunk(inputs)).flatten(2).log_softmax(dim=2)

    def loss(self, inputs: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
        """Cross entropy with a Gaussian about each corner, and the distance."""
        heat = self.heat(inputs)
        apart = (self.grid - corners[:, :, None]).square().sum(dim=3)
        wanted = (-apart / 2 / HEAT**2).softmax(dim=2)
        return (
            0.1 * (heat.exp() @ self.grid - corners).abs().mean()
            - (wanted * heat).sum(dim=2).mean()
        )

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        share = self.heat(inputs).exp()
        place = share @ self.grid
        near = 9 * nn.functional.avg_pool2d(
            share.unflatten(2, [side // 4 for side in INPUT]), 3, 1, 1
        )
        sure = near.flatten(2).amax(dim=2)  # how much of the heat lies in 3 x 3 cells
        scores = []
        for axis, side in enumerate(INPUT[::-1]):
            bins = torch.arange(BINS * side) / BINS
            scores.append(
                sure[..., None] * (-((bins - place[..., axis, None]) / SOFT).square() / 2).exp()
            )
        return tuple(scores)


class MapNetwork(nn.Module):
    """(N, 3, 120, 160) -> (N, 5, 60, 80) scores."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _trunk(), nn.Conv2d(32, 4 * len(CLASSES), 1), nn.PixelShuffle(2)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layers(inputs)


def _inputs(frames: np.ndarray) -> torch.Tensor:
    small = np.stack([cv2.resize(each, INPUT[::-1]) for each in frames])
    return (torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


def trained(
    network: CornerNetwork | MapNetwork, steps: int = 400, clips: int = 60, batch: int = 8
) -> nn.Module:
    """Fit a network to clips of other seeds than those that are measured."""
    torch.manual_seed(0)
    rng, every = np.random.default_rng(0), BOARD if isinstance(network, CornerNetwork) else 1
    shots = [shoot(part=every * (1 + k % 12), frames=6, seed=100 + k) for k in range(clips)]
    frames, corners, maps = (
        np.concatenate([getattr(s, name)[::5] for s in shots])
        for name in ("frames", "corners", "maps")
    )
    inputs, corners = _inputs(frames), torch.from_numpy((corners + 0.5) / 2 - 0.5).float()
    labels = torch.from_numpy(
        np.stack([cv2.resize(m, (80, 60), interpolation=cv2.INTER_NEAREST) for m in maps])
    ).long()
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-2, total_steps=steps)
    network.train()
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(0, len(inputs), batch))
        seen = inputs[rows] * (1 + 0.05 * torch.randn(batch, 1, 1, 1))
        if isinstance(network, CornerNetwork):
            loss = network.loss(seen, corners[rows])
        else:
            loss = nn.functional.cross_entropy(network(seen), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def save(network: nn.Module, path: Path) -> Path:
    """Write a network as ONNX, and the names of its classes beside it."""
    corners = isinstance(network, CornerNetwork)
    names = ["simcc_x", "simcc_y"] if corners else ["scores"]
    with warnings.catch_warnings():
        # the exporter by tracing is deprecated, and takes a tenth of the time
        warnings.simplefilter("ignore")
        seen = torch.zeros(1, 3, *INPUT)
        torch.onnx.export(
            network, (seen,), path, input_names=["pixels"], output_names=names, dynamo=False
        )
    path.with_suffix(".txt").write_text(
        "\n".join(CORNERS if corners else CLASSES), encoding="utf-8"
    )
    return path


def spec_of(path: Path, scheme: str) -> str:
    return f"{scheme}:{path},classes={path.with_suffix('.txt')}"


def measured(meter: TaskMeter, frames: np.ndarray, predictions: object) -> dict[str, pd.DataFrame]:
    """Return the tables of a meter of predictions of frames, without a study."""
    pixels, number = torch.from_numpy(frames).permute(0, 3, 1, 2), np.arange(len(frames))
    batch = FrameBatch(
        pixels=pixels, time_s=number / 30, index=number, corrupt=number < 0, item="made"
    )
    meter.feed(batch, PairWatcher().feed(batch), predictions)  # type: ignore[arg-type]
    return meter.finish()


def shaking(paths: np.ndarray) -> float:
    """Return half the second difference of paths (N, J, 2) px, a mean."""
    return float(np.linalg.norm(np.diff(paths, n=2, axis=0), axis=-1).mean() / 2)


Row = tuple[str, float, float, float]  # what, planted, measured, frames a processor second


def of_points(network: Path) -> list[Row]:
    """Return what is planted in key points of a board on the belt, and what is measured."""
    from vidrobust.models.load import load_model
    from vidrobust.plugins.pose.people import people
    from vidrobust.plugins.pose.task import METRICS, PoseMeter

    shot, rng, rows = shoot(frames=90), np.random.default_rng(0), list[Row]()
    quiet = np.concatenate([shot.corners, np.full((90, 4, 1), 0.9)], axis=2)[:, None]

    def row(what: str, planted: float, points: np.ndarray, read: str) -> None:
        found = people([(each, np.ones(len(each))) for each in points], CORNERS)
        began = time.process_time()
        parts = measured(PoseMeter("made", "net", AlongTime(), METRICS), shot.frames, found)[
            "task_parts"
        ]
        rate = len(points) / (time.process_time() - began)
        value = parts[read].mean() if "jitter" in read else parts[read].sum()
        value = np.sqrt(value) if read == "squared_jitter" else value
        rows.append((what, planted, float(value), rate))

    for deviation in (0.3, 0.5, 1.0, 2.0):
        points = quiet.copy()
        points[..., :2] += rng.normal(0, deviation, points[..., :2].shape)
        row("deviation, px", deviation, points, "squared_jitter")
        row("jitter, px", shaking(points[:, 0, :, :2] - shot.corners), points, "joint_jitter")
    points = quiet.copy()
    at = rng.choice(np.arange(2, 88, 4), 12, replace=False)
    points[at, 0, :2] = points[at, 0, 1::-1]
    row("swaps, there and back", 24, points, "swapped")
    points = quiet.copy()
    points[rng.choice(np.arange(2, 88, 2), 17, replace=False), 0, rng.integers(0, 4, 17), 2] = 0.1
    row("lost joints", 17, points, "joint_lost")
    found = load_model(spec_of(network, "pose"))(torch.from_numpy(shot.frames).permute(0, 3, 1, 2))
    points = found.points.astype(np.float64)[:, None]
    own = shaking(points[:, 0, :, :2] - shot.corners)
    row("the network's own jitter, px", own, points, "joint_jitter")
    return rows


def of_maps(network: Path) -> list[Row]:
    """Return what is planted in maps of a board on the belt, and what is measured."""
    from vidrobust.models.load import load_model
    from vidrobust.plugins.semantic.maps import ClassMaps, changed_share, confusion

    shot, rng, rows = shoot(frames=60), np.random.default_rng(0), list[Row]()

    def row(what: str, planted: float, labels: np.ndarray, column: str = "pixel_flip") -> None:
        value, rate = of_meter(
            ClassMaps(labels, CLASSES, np.ones(len(labels), np.float32)), shot.frames, column
        )
        rows.append((what, planted, value, rate))

    row("flips of true maps", 0.0, shot.maps)
    for share in (0.01, 0.05):
        labels = shot.maps.copy()
        labels[1::2] = np.where(
            rng.random(labels[1::2].shape) < share, (labels[1::2] + 1) % 5, labels[1::2]
        )
        row("share of pixels that flip", share, labels)
    labels = shot.maps.copy()
    for k in (10, 20, 33, 41):  # for one frame
        labels[k, 20:40, 30:60] = 2
    row("regions that appear", 4, labels, "appeared")
    found = load_model(spec_of(network, "semantic"))(
        torch.from_numpy(shot.frames).permute(0, 3, 1, 2)
    )
    # the part moves 1 px a frame: on its own grid every true change is the network's
    wrong = (found.labels != shot.maps).astype(np.uint8)
    own = [
        changed_share(confusion(np.roll(a, 1, axis=1), b, 2)) for a, b in itertools.pairwise(wrong)
    ]
    row("the network's own flips", float(np.mean(own)), found.labels)
    row("TC of the network", consistency(found.labels, shot.frames), found.labels, "tc")
    large = [
        np.stack([cv2.resize(f, (480, 360), interpolation=k) for f in each])
        for k, each in ((cv2.INTER_AREA, shot.frames), (cv2.INTER_NEAREST, found.labels))
    ]
    value, rate = of_meter(ClassMaps(large[1], CLASSES, found.sure), large[0], "pixel_flip")
    rows.append(("the same at 480 x 360, CamVid's size", rows[-2][1], value, rate))
    return rows


def of_meter(found: object, frames: np.ndarray, column: str) -> tuple[float, float]:
    """Return the mean of a column, a count of regions or TC, and frames a processor second without the network."""
    from vidrobust.plugins.semantic.task import METRICS, MapMeter

    began = time.process_time()
    tables = measured(MapMeter("made", "net", AlongTime(), METRICS), frames, found)
    rate = len(frames) / (time.process_time() - began)
    if column == "tc":
        parts = tables["task_parts"].dropna(subset="union")
        both = (parts["class_iou"] * parts["union"]).groupby(parts["component"]).sum()
        return float((both / parts.groupby("component")["union"].sum()).mean()), rate
    values = tables["task_pairs"][column]
    return float(values.sum() if column == "appeared" else values.mean()), rate


def consistency(labels: np.ndarray, frames: np.ndarray) -> float:
    """Return TC as Liu et al. (2020) compute it: IoU of each class over all pairs, the map before warped."""
    from vidrobust.plugins.semantic.maps import flow_between

    columns, rows = np.meshgrid(
        np.arange(SIZE[1], dtype=np.float32), np.arange(SIZE[0], dtype=np.float32)
    )
    both, either = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for k in range(1, len(labels)):
        flow, _ = flow_between(frames[k - 1], frames[k])
        at = (columns + flow[..., 0], rows + flow[..., 1])
        before = cv2.remap(labels[k - 1], *at, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        for label in range(len(CLASSES)):
            both[label] += ((before == label) & (labels[k] == label)).sum()
            either[label] += ((before == label) | (labels[k] == label)).sum()
    return float((both[either > 0] / either[either > 0]).mean())


def causes(spec: str, dials: Sequence[str], out: Path) -> dict[str, dict[str, float]]:
    """Study a clip of each of PARTS under dials; return named causes and their shares of the change."""
    kept = out / "found.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    kinds, clips = 1 if spec.startswith("pose") else len(KINDS), []
    for k in range(PARTS):
        part = BOARD * (k + 1) - k % kinds  # boards, or one of each kind in turn
        clips.append(str(out / f"part-{BOARD * (k + 1)}"))
        Path(clips[-1]).mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(shoot(*dials, part=part, frames=24, seed=8).frames):
            cv2.imwrite(f"{clips[-1]}/{number:04d}.png", frame[..., ::-1])
    asked = ["--pairs", str(4 * PARTS), "--frames", "10", "--perturbation", "brightness"]
    asked += ["--strengths", "1"]
    command = [sys.executable, "-m", "vidrobust", "study", *clips, "-m", spec, *asked, "-q"]
    run = out / "run"
    subprocess.run([*command, "-o", str(run)], check=True, stdout=subprocess.DEVNULL)
    account = (
        pd.read_parquet(run / "account.parquet").query("item == ''").set_index("cause")["share"]
    )
    named = pd.read_parquet(run / "named.parquet")["cause"].drop_duplicates()
    found = {
        "named": {cause: float(account[cause]) for cause in named},
        "shares": account.to_dict(),
    }
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


PARTS = 6
# Nothing, or one condition, while the belt runs; then the same with the belt at rest, where nothing else changes.
WORLDS = (
    (),
    ("light=0.3",),
    ("shake=6",),
    ("speed=0", "light=0.3"),
    ("speed=0", "shake=6"),
    ("speed=0", "noise=4"),
)


def main() -> None:
    """Train, measure and print the tables."""
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/tasks"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    specs = {}
    for scheme, kind, rows in (
        ("pose", CornerNetwork, of_points),
        ("semantic", MapNetwork, of_maps),
    ):
        path = asked.out / f"{scheme}.onnx"
        if not path.with_suffix(".txt").is_file():
            save(trained(kind()), path)
        specs[scheme] = spec_of(path, scheme)
        table = harness.table(scheme, "planted", "measured", "frames a processor second")
        for what, planted, measured_, rate in rows(path):
            table.row(what, planted, measured_, round(rate, 1))
    table = harness.table("task", "planted", "named, with its share")
    for scheme, dials in itertools.product(specs, WORLDS):
        found = causes(specs[scheme], dials, asked.out / "-".join([scheme, *dials]))["named"]
        said = ", ".join(f"{cause} {share:.2f}" for cause, share in found.items())
        table.row(scheme, ", ".join(dials) or "none", said or "none")


if __name__ == "__main__":
    harness.run(main)
