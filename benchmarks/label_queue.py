"""What each way of choosing frames to label buys on the simulated line.

    python benchmarks/label_queue.py --keep DIR [--way random ...] [--frames 40] [--parts 24] [--splits 3]

continues where it was stopped. Twelve worlds, one dial each. In each world half of the parts make the pool, of
which so many frames are labelled; errors and flips are counted on the other half. Three splits a world. The
learner is light: 40 steps of Adam on the line's classifier, half of each batch from as many labelled calm frames,
which "calm frames alone" has alone. A longer training may do otherwise. Intervals are over worlds.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say
from torch.nn import functional

from vidrobust.metrics.class_differences import revert_flips
from vidrobust.plugins.label_queue import choose
from vidrobust.plugins.line.model_kind import SHIFTS, LineClassifier, line_classifier
from vidrobust.plugins.line.parts import LABELS
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.text.numbers import percent
from vidrobust.video.source import open_video

WORLDS = (
    *("light=0.3", "light=0.6", "flicker=0.4", "exposure=0.4", "shadow=0.6", "lamp2=0.6"),
    *("hue=24", "shake=6", "focus=3", "noise=16", "compression=20", "dust=0.3"),
)
WAYS = (
    "calm frames alone",
    "random",
    "smallest margin",
    "label-queue",
    "flips",
    "flips that revert",
)
STEPS, RATE, BATCH = 40, 1e-3, 16  # of Adam; frames of each sort a step
WITHIN = 3  # frames until a label is back
VIEWS = (
    SHIFTS[0],
    SHIFTS[len(SHIFTS) // 2],
)  # of the moved views that the network's answer is the mean of


def answers(network: LineClassifier, inputs: torch.Tensor) -> torch.Tensor:
    """Mean logits (N, K) of two moved views."""
    with torch.no_grad():
        views = [network.maps(inputs.roll(shift, -1))[0] for shift in VIEWS]
        return torch.stack(views).mean(dim=0)


def tuned(
    network: LineClassifier, sorts: list[tuple[torch.Tensor, torch.Tensor]], seed: int
) -> LineClassifier:
    """The network after a short training on inputs and labels of each sort; its batch statistics stay."""
    network, rng = copy.deepcopy(network), np.random.default_rng(seed)
    solver = torch.optim.Adam(network.requires_grad_(True).parameters(), RATE)
    for _ in range(STEPS):
        drawn = [rng.integers(0, len(labels), BATCH) for _, labels in sorts]
        inputs = torch.cat([x[at] for (x, _), at in zip(sorts, drawn, strict=True)])
        labels = torch.cat([y[at] for (_, y), at in zip(sorts, drawn, strict=True)])
        logits = network.maps(inputs.roll(int(rng.choice(list(SHIFTS))), -1))[0]
        solver.zero_grad()
        functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        solver.step()
    return network


def footage(
    dial: str, given: argparse.Namespace, folder: Path
) -> tuple[pd.DataFrame, torch.Tensor]:
    """A row a frame with its part and label, and the inputs (N, 3, H, W) of the network; kept once rendered."""
    clips, seed = folder / (dial or "calm"), 5 if dial else 77
    if not (clips / "truth.parquet").is_file():
        dials = (dial,) if dial else ()
        render(
            RenderSettings(parts=given.parts, seconds=given.seconds, seed=seed, dials=dials), clips
        )
    truth = pd.read_parquet(clips / "truth.parquet").sort_values(
        ["item", "frame"], ignore_index=True
    )
    made = line_classifier(torch.device("cpu"))
    inputs = []
    for item in truth["item"].unique():
        with open_video(next(clips.rglob(f"{item}.mp4"))) as video:
            inputs += [made.preprocess(batch.pixels) for batch in video.batches(32)]
    rows = truth[["item", "frame", "time_s"]].assign(
        unit=truth["part"], label=[LABELS.index(each) for each in truth["label"]]
    )
    return rows, torch.cat(inputs)


def chosen(
    way: str, pool: pd.DataFrame, said: np.ndarray, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Rows of the pool to label, by the network's logits (N, K)."""
    top = np.sort(functional.softmax(torch.tensor(said), dim=1).numpy(), axis=1)
    pool = pool.assign(margin=top[:, -1] - top[:, -2])
    drawn = rng.permutation(len(pool))
    if way == "random":
        return drawn[:most]
    if way == "smallest margin":
        return np.argsort(pool["margin"].to_numpy(), kind="stable")[:most]
    if way == "label-queue":  # as the export; these clips are shorter than a second
        return choose(pool, most, apart_s=0.1)
    label, joined = said.argmax(axis=1), pool["item"].eq(pool["item"].shift()).to_numpy()
    flips = joined & (label != np.roll(label, 1))
    if way == "flips that revert":
        flips = revert_flips(label, joined, WITHIN)
    return np.array(
        [*(at for at in drawn if flips[at]), *(at for at in drawn if not flips[at])][:most]
    )


def trials(
    given: argparse.Namespace, folder: Path, known: set[tuple[str, int, str]]
) -> Iterator[dict[str, object]]:
    """Errors and flips of every way, world and split that is not known."""
    network = line_classifier(torch.device("cpu")).module
    assert isinstance(network, LineClassifier)
    calm, calm_inputs = footage("", given, folder)
    for split, dial in product(range(given.splits), given.world):
        ways = [way for way in ("untouched", *given.way) if (dial, split, way) not in known]
        if not ways:
            continue
        every, inputs = footage(dial, given, folder)
        logits, labels = answers(network, inputs), torch.tensor(every["label"].to_numpy())
        seed = [*dial.encode(), split]
        rng, units = np.random.default_rng(seed), every["unit"].unique()
        inside = every["unit"].isin(rng.permutation(units)[: len(units) // 2]).to_numpy()
        judged = np.flatnonzero(~inside)
        at_rest = rng.permutation(len(calm))[: given.frames]
        rest = (calm_inputs[at_rest], torch.tensor(calm["label"].to_numpy()[at_rest]))
        joined = every[~inside]["item"].eq(every[~inside]["item"].shift()).to_numpy()[1:]
        pool = every[inside].reset_index(drop=True)
        for way in ways:
            now, sorts = logits[judged], [rest]
            if way in WAYS[1:]:
                own = np.random.default_rng([*seed, 1])
                at = np.flatnonzero(inside)[
                    chosen(way, pool, logits[inside].numpy(), given.frames, own)
                ]
                sorts.append((inputs[at], labels[at]))
            if way != "untouched":
                now = answers(tuned(network, sorts, split), inputs[judged])
            said = now.argmax(dim=1)
            error = float((said != labels[judged]).float().mean())
            flips = float((np.diff(said.numpy()) != 0)[joined].mean())
            yield {"world": dial, "split": split, "way": way, "error": error, "flips": flips}


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--world", nargs="+", default=list(WORLDS))
    parser.add_argument("--way", nargs="+", default=list(WAYS))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--parts", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where footage is kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "trials.csv"
        before = (
            pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=["world", "split", "way"])
        )
        known = set(before[["world", "split", "way"]].itertuples(index=False, name=None))
        for row in trials(given, folder, known):
            pd.DataFrame([row]).to_csv(file, mode="a", header=not file.is_file(), index=False)
        found = pd.read_csv(file)
    means = found.groupby(["world", "way"], sort=False)[["error", "flips"]].mean().reset_index()
    count = found.groupby("way").size().min()
    say(
        f"{found['world'].nunique()} worlds, {count} trials of each way, {given.frames} frames labelled\n"
    )
    say("| chosen | errors | less than random | flips | less than random |\n|---|---|---|---|---|")
    for way in ("untouched", *given.way):
        cells = []
        for metric in ("error", "flips"):
            wide = means.pivot(index="world", columns="way", values=metric)
            gain = (wide["random"] - wide[way]).to_numpy()
            over = clustered_mean(gain, Clusters(np.arange(len(gain)), "item"), bounds=(-1.0, 1.0))
            cells.append(percent(wide[way].mean()))
            points = f"{100 * over.value:.1f} [{100 * over.low:.1f}, {100 * over.high:.1f}]"
            cells.append("" if way == "random" else f"{points} points")
        say(f"| {way} | {' | '.join(cells)} |")
    say("\nErrors, world by world:\n")
    wide = means.pivot(index="world", columns="way", values="error").loc[list(given.world)]
    table = harness.table("world", "untouched", *given.way)
    for name, row in wide.iterrows():
        table.row(name, *(percent(row[way]) for way in ("untouched", *given.way)))


if __name__ == "__main__":
    harness.run(main)
