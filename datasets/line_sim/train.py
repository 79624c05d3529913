"""Train the line's classifier and detector in parallel and score them: ``python -m datasets.line_sim.train``."""

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
from typing import Any

import av
import numpy as np
import pandas as pd
import torch
from torchvision.ops import box_iou, nms
from torchvision.transforms.v2 import functional as v2

from datasets.line_sim.fit import (
    EPOCHS,
    FRAMES,
    make_samples,
    normalised,
    train_classifier,
    train_detector,
)
from vidrobust.files.atomic import write_text
from vidrobust.files.csv_table import read_columns
from vidrobust.plugins.line import model_kind as trained
from vidrobust.plugins.line.belt import HEIGHT, WIDTH
from vidrobust.plugins.line.dials import DIALS
from vidrobust.plugins.line.model_kind import (
    CLASSIFIER_SIZE,
    DETECTOR_SIZE,
    LineClassifier,
    LineDetector,
)
from vidrobust.plugins.line.parts import BOXES, LABELS
from vidrobust.plugins.line.render import RenderSettings, render

# How good the trained models are on clips of other seeds, coded and decoded again, at rest and at mid dial.

# Score from which on a box counts as found.
SCORE = 0.3
# IoU from which on a box is the one of the truth.
SAME = 0.5


def all_scores(
    classifier: LineClassifier,
    detector: LineDetector,
    seed: int,
    workers: int = 1,
    *,
    quick: bool = False,
    report: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Judge at rest (sixteen parts, two seconds) and at mid size of each dial (eight parts, one second)."""
    if report is not None:
        report("at rest")
    if quick:
        few = RenderSettings(parts=8, seconds=1, seed=seed)
        return {"at_rest": _of(classifier, detector, few, workers)}
    rest = _of(classifier, detector, RenderSettings(parts=16, seconds=2, seed=seed), workers)
    mid = {}
    for dial in DIALS:
        if report is not None:
            report(f"at mid {dial.name}")
        turned = RenderSettings(
            parts=8, seconds=1, seed=seed + 1, dials=(f"{dial.name}={dial.sizes[1]:g}",)
        )
        mid[dial.name] = _of(classifier, detector, turned, workers)
    return {
        "at_rest": rest,
        "at_mid_dial": {name: {"size": _mid(name), **found} for name, found in mid.items()},
    }


def _mid(name: str) -> float:
    return next(dial.sizes[1] for dial in DIALS if dial.name == name)


def _of(
    classifier: LineClassifier, detector: LineDetector, settings: RenderSettings, workers: int
) -> dict[str, float | int]:
    with TemporaryDirectory() as folder:
        render(settings, Path(folder), workers=workers)
        return judge(classifier, detector, Path(folder))


def judge(
    classifier: LineClassifier, detector: LineDetector, folder: Path
) -> dict[str, float | int]:
    """Accuracy, flips while the part is whole, and boxes found, over a data set."""
    manifest, truth = (
        read_columns(folder / "manifest.csv"),
        pd.read_parquet(folder / "truth.parquet"),
    )
    clips = [
        _clip(classifier, detector, folder / path, truth[truth["item"] == item])
        for path, item in zip(manifest["path"], manifest["item"], strict=True)
    ]
    total = {name: sum(clip[name] for clip in clips) for name in clips[0]}
    return {
        "frames": total["frames"],
        "accuracy": round(total["right"] / max(total["frames"], 1), 4),
        "accuracy_of_kind": round(total["right_kind"] / max(total["frames"], 1), 4),
        "pairs": total["pairs"],
        "flip_rate": round(total["flips"] / max(total["pairs"], 1), 4),
        "parts_found": round(total["parts_found"] / max(total["parts"], 1), 4),
        "defects_found": round(total["defects_found"] / max(total["defects"], 1), 4),
        "boxes_right": round(total["boxes_right"] / max(total["boxes"], 1), 4),
    }


def _clip(
    classifier: LineClassifier, detector: LineDetector, path: Path, truth: pd.DataFrame
) -> dict[str, int]:
    whole = truth["whole"].to_numpy(bool, copy=True)
    pixels = _decoded(path)[torch.from_numpy(whole)]
    counts = _classes(classifier, pixels, truth)
    with torch.inference_mode():
        found = detector(normalised(v2.resize(pixels, list(DETECTOR_SIZE), antialias=True)))
    rows = truth[whole]
    boxes = [
        _boxes(one, *pair)
        for one, *pair in zip(found, rows["boxes"], rows["box_labels"], strict=True)
    ]
    return (
        counts | {name: sum(one[name] for one in boxes) for name in boxes[0]}
        if boxes
        else counts | _NO_BOXES
    )


def classes_in(classifier: LineClassifier, path: Path, truth: pd.DataFrame) -> dict[str, int]:
    """Counts over the frames of a clip in which the part is whole."""
    whole = torch.from_numpy(truth["whole"].to_numpy(bool, copy=True))
    return _classes(classifier, _decoded(path)[whole], truth)


def _classes(
    classifier: LineClassifier, pixels: torch.Tensor, truth: pd.DataFrame
) -> dict[str, int]:
    whole = truth["whole"].to_numpy(bool, copy=True)
    labels = np.array([LABELS.index(label) for label in truth["label"]])[whole]
    with torch.inference_mode():
        logits = classifier(normalised(v2.resize(pixels, list(CLASSIFIER_SIZE), antialias=True)))
    said = logits.argmax(dim=1).numpy()
    next_to = np.diff(np.flatnonzero(whole)) == 1
    return {
        "frames": len(said),
        "right": int((said == labels).sum()),
        "right_kind": int(((said + 1) // 2 == (labels + 1) // 2).sum()),
        "pairs": int(next_to.sum()),
        "flips": int((np.diff(said) != 0)[next_to].sum()),
    }


_NO_BOXES = dict.fromkeys(
    ("parts", "parts_found", "defects", "defects_found", "boxes", "boxes_right"), 0
)


def _boxes(
    output: torch.Tensor, boxes: Sequence[Sequence[float]], labels: Sequence[str]
) -> dict[str, int]:
    scores, said = output[4:].max(dim=0)
    keep = scores >= SCORE
    middle, side = output[:2, keep].T, output[2:4, keep].T
    ratio = torch.tensor([WIDTH / DETECTOR_SIZE[1], HEIGHT / DETECTOR_SIZE[0]] * 2)
    corners, said, scores = (
        torch.cat([middle - side / 2, middle + side / 2], dim=1) * ratio,
        said[keep],
        scores[keep],
    )
    best = nms(corners + said[:, None] * 4 * WIDTH, scores, SAME)
    corners, said = corners[best], said[best]
    true = torch.tensor(np.array([list(box) for box in boxes], np.float32).reshape(-1, 4))
    classes = torch.tensor([BOXES.index(label) for label in labels])
    hit = (box_iou(true, corners) >= SAME) & (classes[:, None] == said)
    defect = classes == len(BOXES) - 1
    return {
        "parts": int((~defect).sum()),
        "parts_found": int(hit.any(dim=1)[~defect].sum()),
        "defects": int(defect.sum()),
        "defects_found": int(hit.any(dim=1)[defect].sum()),
        "boxes": len(said),
        "boxes_right": int(hit.any(dim=0).sum()),
    }


def _decoded(path: Path) -> torch.Tensor:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


# Scenes of --quick: the whole way in a minute or two, for weights that are worth little.
QUICK_SCENES = 240
SCENES, TRAINING_SEED, WEIGHTS_SEED, TEST_SEED = 1800, 101, 1, 5001
_TRAIN = {"classifier": train_classifier, "detector": train_detector}


def train(out: Path, *, scenes: int = SCENES, workers: int = 2, quick: bool = False) -> None:
    """Write classifier.pt, detector.pt and scores.json to ``out``."""
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
        print(
            f"rendered {done}/{of} stations, {time.perf_counter() - start:.0f} s", file=sys.stderr
        )

    return report


def write_scores(out: Path, scenes: int, workers: int, *, quick: bool = False) -> None:
    """Judge the weights in ``out`` on footage of other seeds and write scores.json beside them."""
    classifier, detector = LineClassifier(), LineDetector()
    trained.fill(classifier, out / trained.CLASSIFIER.name)
    trained.fill(detector, out / trained.DETECTOR.name)
    said = {
        "command": "python -m datasets.line_sim.train",
        "training": {
            "scenes": scenes,
            "frames": scenes * FRAMES,
            "seed": TRAINING_SEED,
            "epochs": EPOCHS,
        },
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
        prog="python -m datasets.line_sim.train",
        description="Train the line's classifier and detector.",
    )
    parser.add_argument("--out", type=Path, default=trained.FOLDER, help="folder of the weights")
    parser.add_argument(
        "--scenes", type=int, help=f"scenes of {FRAMES} frames to train with ({SCENES})"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_SCENES} scenes, judged at rest alone; needs --out",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--scores-only", action="store_true", help="judge the weights that are there"
    )
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


if __name__ == "__main__":
    sys.exit(main())
