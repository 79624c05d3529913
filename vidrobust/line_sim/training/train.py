"""The whole training: samples, both models at the same time on a core each, scores; weights and scores written."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from vidrobust.files.atomic import write_text
from vidrobust.line_sim import trained
from vidrobust.line_sim.networks import LineClassifier, LineDetector
from vidrobust.line_sim.training.fit import EPOCHS, train_classifier, train_detector
from vidrobust.line_sim.training.samples import FRAMES, make_samples
from vidrobust.line_sim.training.scores import all_scores

QUICK_SCENES = 240
"""Scenes of --quick: the whole way in a minute or two, for weights that are worth little."""
SCENES, TRAINING_SEED, WEIGHTS_SEED, TEST_SEED = 1800, 101, 1, 5001
_TRAIN = {"classifier": train_classifier, "detector": train_detector}


def train(out: Path, *, scenes: int = SCENES, workers: int = 2, quick: bool = False) -> None:
    """Write classifier.pt, detector.pt and scores.json to ``out``; ``quick``: scores at rest alone.

    What is done, and how far it is, is said on standard error.
    """
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        samples = Path(folder) / "samples.pt"
        print(f"rendering {scenes} scenes of {FRAMES} frames", file=sys.stderr)
        torch.save(make_samples(scenes, TRAINING_SEED, workers, _rendered(start)), samples)
        print(f"{scenes * FRAMES} frames, {time.perf_counter() - start:.0f} s", file=sys.stderr)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            list(pool.map(partial(_train_one, samples=samples, out=out), _TRAIN))
    write_scores(out, scenes, workers, quick=quick)


def _rendered(start: float) -> Callable[[int, int], None]:
    def report(done: int, of: int) -> None:
        print(f"rendered {done}/{of} stations, {time.perf_counter() - start:.0f} s", file=sys.stderr)

    return report


def write_scores(out: Path, scenes: int, workers: int, *, quick: bool = False) -> None:
    """Judge the weights in ``out`` on footage of other seeds and write scores.json beside them."""
    classifier, detector = LineClassifier(), LineDetector()
    trained.fill(classifier, out / trained.CLASSIFIER.name)
    trained.fill(detector, out / trained.DETECTOR.name)
    said = {
        "command": "python -m datasets.line_sim.train",
        "training": {"scenes": scenes, "frames": scenes * FRAMES, "seed": TRAINING_SEED, "epochs": EPOCHS},
        "weights_seed": WEIGHTS_SEED,
        "test_seeds": {"at_rest": TEST_SEED, "at_mid_dial": TEST_SEED + 1},
        "torch": torch.__version__,
        **all_scores(
            classifier.eval(),
            detector.eval(),
            TEST_SEED,
            workers,
            quick=quick,
            report=lambda what: print(f"judging {what}", file=sys.stderr),
        ),
    }
    write_text(out / trained.SCORES.name, json.dumps(said, indent=1) + "\n")


def _train_one(name: str, samples: Path, out: Path) -> None:
    torch.set_num_threads(1)  # the order of sums depends on the threads, and so would the weights
    network = _TRAIN[name](torch.load(samples, weights_only=False), WEIGHTS_SEED)
    trained.save(network, out / f"{name}.pt")


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m datasets.line_sim.train``; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets.line_sim.train", description="Train the line's classifier and detector."
    )
    parser.add_argument("--out", type=Path, default=trained.FOLDER, help="folder of the weights")
    parser.add_argument("--scenes", type=int, help=f"scenes of {FRAMES} frames to train with ({SCENES})")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_SCENES} scenes, judged at rest alone; needs --out"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scores-only", action="store_true", help="judge the weights that are there")
    given = parser.parse_args(arguments)
    if given.quick and given.out == trained.FOLDER:
        parser.error("--quick gives weights that are worth little: say with --out where they go")
    scenes = given.scenes or (QUICK_SCENES if given.quick else SCENES)
    if given.scores_only:
        write_scores(given.out, scenes, given.workers, quick=given.quick)
    else:
        train(given.out, scenes=scenes, workers=given.workers, quick=given.quick)
    print((given.out / trained.SCORES.name).read_text(encoding="utf-8"))
    return 0
