"""May a network adapt itself on a stream, by batch statistics or TENT, where neighbouring frames are alike?

    python benchmarks/stream_adaptation.py [--dial light=0.3 noise=16] [--parts 56] [--frames 20] [--batch 16 64]

The line's classifier, asked once about each frame, reads one stream of parts: in the order of the line, a part
after another, or shuffled. It stays as it is; normalises each batch by the batch's own statistics (Nado et al.
2020, Schneider et al. 2020); or also minimises the entropy of its answers by the scales and shifts of its
normalisation (TENT, Wang et al. 2021: Adam, 1e-3). NOTE (Gong et al. 2022) reports that both fail on correlated
streams. Errors and flips between neighbouring frames of a part, with intervals over parts and shuffles.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import harness
import line_one_view
import numpy as np
import torch

from vidrobust.plugins.finetune.compare import crossed_rates
from vidrobust.plugins.finetune.judge import CountedRows
from vidrobust.plugins.finetune.network import NORMS, TrainableClassifier
from vidrobust.plugins.line.render import RenderSettings, stage
from vidrobust.text.numbers import percent, percent_with_interval

RATE = 1e-3
SHUFFLES = 3
WAYS = {"as it is": "", "batch statistics": "statistics", "TENT": "tent"}


def answered(
    network: TrainableClassifier, pictures: torch.Tensor, order: np.ndarray, way: str, batch: int
) -> np.ndarray:
    """(N,) labels of pictures that come in this order, in batches."""
    module = copy.deepcopy(network.module).eval()
    norms = [part for part in module.modules() if isinstance(part, NORMS)] if way else []
    for part in norms:
        part.train()  # batch statistics; the running ones are not used
    parameters = [p for part in norms for p in (part.weight, part.bias)]
    optimiser = torch.optim.Adam(parameters, lr=RATE) if way == "tent" else None
    labels = np.empty(len(order), np.int64)
    for at in np.array_split(order, max(1, len(order) // batch)):
        with torch.set_grad_enabled(optimiser is not None):
            logits = network.logits(module, pictures[at])
        labels[at] = logits.argmax(dim=1).numpy()
        if optimiser is not None:
            entropy = -(logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1).mean()
            optimiser.zero_grad()
            entropy.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return labels


def shown(
    network: TrainableClassifier, dial: str, given: Any
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Pictures of a stream of parts, right classes and parts."""
    settings = RenderSettings(
        parts=given.parts, seconds=given.frames / 30, seed=given.seed, dials=(dial,) if dial else ()
    )
    pictures, right, parts = [], [], []
    for plan in settings.plans():
        clip = stage(plan)
        for frame, truth in zip(clip.frames(), clip.truth(), strict=True):
            pictures.append(network.cut(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None]))
            right.append(network.class_names.index(truth["label"]))
            parts.append(plan.part)
    return torch.cat(pictures), np.array(right), np.array(parts)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--dial", nargs="+", default=["light=0.3", "noise=16"])
    parser.add_argument("--parts", type=int, default=56)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--seed", type=int, default=35_500)
    given = parser.parse_args()
    torch.set_num_threads(1)
    module, preprocess, names = line_one_view.classifier()
    network = TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu"))
    columns = "dial", "batch", "order", "way", "errors", "of as it is", "flips", "of them as it is"
    table = harness.table(*columns)
    for dial in given.dial:
        pictures, right, parts = shown(network, dial, given)
        for batch in given.batch:
            for row in one_dial(network, pictures, right, parts, batch):
                table.row(dial, batch, *row)


def one_dial(
    network: TrainableClassifier,
    pictures: torch.Tensor,
    right: np.ndarray,
    parts: np.ndarray,
    batch: int,
) -> Iterator[tuple[str, ...]]:
    """Rows of one dial and size of a batch."""
    order = np.arange(len(right))
    orders = {
        "of the line": [order],
        "shuffled": [np.random.default_rng(k).permutation(order) for k in range(SHUFFLES)],
    }
    rest = _rows(answered(network, pictures, order, "", batch), right, parts)
    for name, each in orders.items():
        for way, what in WAYS.items():
            if not what and name != "of the line":
                continue
            found = [
                _rows(answered(network, pictures, one, what, batch), right, parts) for one in each
            ]
            cells = []
            for k in range(2):
                ratio = crossed_rates(
                    [rest[k]] * len(found), [f[k] for f in found], "parts", events=True
                )
                cells.append(percent(ratio.after))
                cells.append(
                    percent_with_interval(ratio.ratio, ratio.low, ratio.high) if what else ""
                )
            yield name, way, *cells


def _rows(
    labels: np.ndarray, right: np.ndarray, parts: np.ndarray
) -> tuple[CountedRows, CountedRows]:
    """Errors and flips, by part."""
    same = parts[1:] == parts[:-1]
    flips = (labels[1:] != labels[:-1])[same].astype(np.float64)
    return CountedRows((labels != right).astype(np.float64), parts), CountedRows(
        flips, parts[1:][same]
    )


if __name__ == "__main__":
    harness.run(main)
