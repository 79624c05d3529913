"""Does a picture that is softened before the network sees it still show a small defect?

    python benchmarks/small_defects.py [--dial noise=16 "" light=0.3] [--parts 48] [--frames 10]

Parts of the simulated line, half of them with a defect of known size, at rest ("") and with a dial turned; the
line's classifier, asked once about each frame. Each remedy of ``vidrobust remedies --all`` that softens pictures:
flips left, and right answers on sound parts, on the smaller and on the larger half of the defects. Intervals are
over parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import cv2
import harness
import line_one_view
import numpy as np
import torch
from harness import say

from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.line.render import RenderSettings, stage
from vidrobust.stages.replays.footage import measured_steps, softened
from vidrobust.stages.replays.names import SOFTENED
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.statistics.ratios import paired_ratio
from vidrobust.text.numbers import percent, percent_with_interval

OWN = "as it is"


def shown(network: TrainableClassifier, dial: str, given: Any) -> tuple[dict[str, np.ndarray], ...]:
    """Of each part remedy -> labels (F,); and of all parts what they are."""
    dials = (dial,) if dial else ()
    plans = RenderSettings(
        parts=given.parts, seconds=given.frames / 30, seed=given.seed, dials=dials
    ).plans()
    found, right, size = [], [], []
    for plan in plans:
        clip = stage(plan)
        frames = [frame.copy() for frame in clip.frames()]
        begins = np.arange(len(frames)) == 0
        steps = measured_steps(frames, begins)
        labels = {OWN: asked(network, frames)}
        for name in SOFTENED:
            made: Callable[[], Iterable[np.ndarray]] | None = softened(
                name, partial(iter, frames), steps
            ).frames
            labels[name] = labels[OWN] if made is None else asked(network, made())
        found.append(labels)
        right.append(network.class_names.index(clip.part.label))
        size.append(clip.part.defect_size_px)
    labels = {name: np.stack([each[name] for each in found]) for name in (OWN, *SOFTENED)}
    return labels, {"right": np.array(right)[:, None], "size": np.array(size)}


def asked(network: TrainableClassifier, frames: Iterable[np.ndarray]) -> np.ndarray:
    """(F,) labels."""
    pictures = [
        network.cut(torch.from_numpy(np.ascontiguousarray(f)).permute(2, 0, 1)[None])
        for f in frames
    ]
    return network.labels(network.answers(network.module, torch.cat(pictures)))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=["noise=16", "", "light=0.3"])
    parser.add_argument("--parts", type=int, default=48)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seed", type=int, default=35_700)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    module, preprocess, names = line_one_view.classifier()
    network = TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu"))
    table = harness.table(
        "dial",
        "remedy",
        "flips",
        "flips left",
        "right: sound parts",
        "small defects",
        "change, points",
        "large defects",
    )
    for dial in given.dial:
        labels, of = shown(network, dial, given)
        middle = np.median(of["size"][of["size"] > 0])
        groups = (of["size"] == 0, (of["size"] > 0) & (of["size"] <= middle), of["size"] > middle)
        small = groups[1]
        was = labels[OWN] == of["right"]
        for name, now in labels.items():
            hits = now == of["right"]
            before, after = (each[:, 1:] != each[:, :-1] for each in (labels[OWN], now))
            parts = Clusters(np.repeat(np.arange(len(now)), now.shape[1] - 1), "part")
            left = paired_ratio(
                before.ravel().astype(np.float64),
                after.ravel().astype(np.float64),
                parts,
                events=True,
            )
            change = clustered_mean(
                (hits[small].astype(np.float64) - was[small]).ravel(),
                Clusters(np.repeat(np.arange(small.sum()), now.shape[1]), "part"),
                bounds=(-1.0, 1.0),
            )
            right = [percent(hits[group].mean()) for group in groups]
            own = name == OWN
            points = f"{100 * change.value:.1f} [{100 * change.low:.1f}, {100 * change.high:.1f}]"
            table.row(
                dial or "at rest",
                name,
                f"{after.sum()} of {after.size}",
                "" if own else percent_with_interval(left.ratio, left.low, left.high),
                *(right[0], right[1], "" if own else points, right[2]),
            )
        say(
            f"\n{dial or 'at rest'}: small defects are those up to {middle:.0f} px; {groups[1].sum()} parts\n"
        )


if __name__ == "__main__":
    harness.run(main)
