"""What each way of choosing frames to label buys on the simulated line.

    python benchmarks/label_queue.py [--frames 40] [--parts 30] [--seconds 0.7] [--splits 3]

Twelve worlds, one dial each. In each world half of the parts make the pool, of which so many frames are labelled;
errors and flips are counted on the other half. Three splits a world. The learner is light: a further last layer on
pooled features of the line's classifier, added to its answers, fitted to the frames and to as many labelled calm
ones (which "calm frames alone" has alone), with a ridge. A short fine-tuning of all layers may do otherwise.
Intervals are over worlds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
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
WAYS = ("calm frames alone", "random", "smallest margin", "label-queue", "flips", "flips that revert")
RIDGE, STEPS, WITHIN = 0.02, 60, 3  # of the last layer's weights; of L-BFGS; frames until a label is back


class LastLayer:
    """A layer on top of features, added to the logits of the network, (F, K) weights and (K,) bias."""

    def __init__(self, features: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        self.weight = torch.zeros(features.shape[1], logits.shape[1], requires_grad=True)
        self.bias = torch.zeros(logits.shape[1], requires_grad=True)
        solver = torch.optim.LBFGS([self.weight, self.bias], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            solver.zero_grad()
            said = logits + features @ self.weight + self.bias
            total = functional.cross_entropy(said, labels) + RIDGE * self.weight.square().sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        solver.step(loss)  # type: ignore[arg-type]

    def labels(self, features: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
        """What the two together answer."""
        with torch.no_grad():
            return np.asarray((logits + features @ self.weight + self.bias).argmax(dim=1))


@torch.no_grad()
def features_of(network: LineClassifier, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled maps (N, F) over the moved views, and the network's logits (N, K)."""
    found = []
    for shift in (SHIFTS[0], SHIFTS[len(SHIFTS) // 2]):
        fine = network.fine(inputs.roll(shift, -1)[:, :, 48:120])
        coarse = network.coarse(fine)
        pooled = [pool for of in (fine, coarse) for pool in (of.mean(dim=(2, 3)), of.amax(dim=(2, 3)))]
        found.append(torch.cat([*pooled, network.maps(inputs.roll(shift, -1))[1].amax(dim=(2, 3))], dim=1))
    return torch.stack(found).mean(dim=0), network(inputs)


def footage(dial: str, given: argparse.Namespace, folder: Path) -> pd.DataFrame:
    """A row a frame: part, frame, label, features and logits; kept once it is made."""
    file = folder / f"{dial or 'calm'}.pt"
    if file.is_file():
        kept: pd.DataFrame = torch.load(file, weights_only=False)
        return kept
    clips, seed = folder / (dial or "calm"), 5 if dial else 77
    dials = (dial,) if dial else ()
    render(RenderSettings(parts=given.parts, seconds=given.seconds, seed=seed, dials=dials), clips)
    truth = pd.read_parquet(clips / "truth.parquet")
    made = line_classifier(torch.device("cpu"))
    network = made.module
    assert isinstance(network, LineClassifier)
    parts = []
    for path in sorted(clips.rglob("*.mp4")):
        own = truth[truth["item"] == path.stem].sort_values("frame")
        with open_video(path) as video:
            pixels = torch.cat([batch.pixels for batch in video.batches(32)])
        features, logits = features_of(network, made.preprocess(pixels))
        label = [LABELS.index(each) for each in own["label"]]
        row = {"item": path.stem, "unit": own["part"].to_numpy(), "frame": own["frame"].to_numpy()}
        row |= {"time_s": own["time_s"].to_numpy(), "label": label}
        parts.append(
            pd.DataFrame({**row, "features": list(features.numpy()), "logits": list(logits.numpy())})
        )
    found = pd.concat(parts, ignore_index=True)
    torch.save(found, file)
    return found


def chosen(way: str, pool: pd.DataFrame, most: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of the pool to label."""
    said = np.stack(pool["logits"].to_numpy())
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
    return np.array([*(at for at in drawn if flips[at]), *(at for at in drawn if not flips[at])][:most])


def trials(given: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Errors and flips of every way, world and split."""
    calm = footage("", given, folder)
    for world, dial in enumerate(given.world):
        every = footage(dial, given, folder)
        both = pd.concat([calm, every], ignore_index=True)
        x = np.stack(both["features"].to_numpy())
        x = torch.tensor((x - x[: len(calm)].mean(axis=0)) / (x[: len(calm)].std(axis=0) + 1e-3))
        logits = torch.tensor(np.stack(both["logits"].to_numpy()))
        labels = torch.tensor(both["label"].to_numpy())
        units = every["unit"].unique()
        for split in range(given.splits):
            rng = np.random.default_rng([world, split])
            inside = every["unit"].isin(rng.permutation(units)[: len(units) // 2]).to_numpy()
            judged = len(calm) + np.flatnonzero(~inside)
            at_rest = rng.permutation(len(calm))[: given.frames]
            rows = every[~inside]
            joined = rows["item"].eq(rows["item"].shift()).to_numpy()[1:]
            for way in ("untouched", *WAYS):
                use = at_rest
                if way in WAYS[1:]:
                    pool = every[inside].reset_index(drop=True)
                    picked = chosen(way, pool, given.frames, np.random.default_rng([world, split, 1]))
                    use = np.concatenate([use, len(calm) + np.flatnonzero(inside)[picked]])
                layer = LastLayer(x[use], logits[use], labels[use])
                now = layer.labels(x[judged], logits[judged])
                if way == "untouched":
                    now = logits[judged].argmax(dim=1).numpy()
                error = float((now != labels[judged].numpy()).mean())
                flips = float((np.diff(now) != 0)[joined].mean())
                yield {"world": dial, "split": split, "way": way, "error": error, "flips": flips}


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--world", nargs="+", default=list(WORLDS))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--parts", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where footage is kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = pd.DataFrame(list(trials(given, folder)))
    means = found.groupby(["world", "way"], sort=False)[["error", "flips"]].mean().reset_index()
    say(f"{len(found['world'].unique())} worlds, {given.splits} splits, {given.frames} frames labelled\n")
    say("| chosen | errors | less than random | flips | less than random |\n|---|---|---|---|---|")
    for way in ("untouched", *WAYS):
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
    table = harness.table("world", "untouched", *WAYS)
    for name, row in wide.iterrows():
        table.row(name, *(percent(row[way]) for way in ("untouched", *WAYS)))


if __name__ == "__main__":
    harness.run(main)
