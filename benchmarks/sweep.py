"""A pass of the sweep against the bare model: frames a processor second of both, in one run.

    python benchmarks/sweep.py CLIP [--model SPEC ...] [--frames 24] [--rounds 3]

The bare model is asked of clean frames of the clip in batches of 32, from pixels to predictions, preprocessing
included, as every stage asks it. A pass of the sweep perturbs frames by the design, asks the model of them and
writes down every difference. Both take turns; the best of the rounds counts. Then the perturbing alone, with the
perturbations that take longest. The ratio aimed at is 0.9 or more. Seconds are those of all threads on the
processors, so that other work on the machine hardly shows.
"""

from __future__ import annotations

import time

import harness
import numpy as np
import torch
from harness import say

from vidrobust.models.load import load_model
from vidrobust.models.predict import AUTO_BATCH, Model, predict
from vidrobust.perturb.catalogue import suite
from vidrobust.perturb.draws import seeded
from vidrobust.stages.sensitivity.design import strengths_shown
from vidrobust.stages.sensitivity.unit import Draws, study_frames
from vidrobust.video.source import open_video


def bare(model: Model, pixels: torch.Tensor, passes: int) -> float:
    """Frames a processor second of so many frames."""
    batch = pixels.repeat(-(-AUTO_BATCH // len(pixels)), 1, 1, 1)[:AUTO_BATCH]
    before = time.process_time()
    done = 0
    while done < passes:
        predict(model, batch)
        done += len(batch)
    return done / (time.process_time() - before)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("--model", action="append")
    parser.add_argument("--suite", default="natural")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    perturbations = [each for each in suite(asked.suite) if each.on_single_frames]
    with open_video(asked.clip, device="cpu") as video:
        count = video.info.num_frames or asked.frames
        frames = video.at(np.unique(np.linspace(0, count - 1, asked.frames).astype(int)).tolist())
    height, width = frames.pixels.shape[-2:]
    say(
        f"{len(frames)} frames of {asked.clip}, {width}x{height}; {torch.get_num_threads()} threads"
    )
    for spec in asked.model or ["efficientnet-lite0"]:
        model = load_model(spec, device="cpu")
        best = {"bare": 0.0, "sweep": 0.0}
        for _ in range(asked.rounds):
            done: list[int] = []
            before = time.process_time()
            study_frames(
                frames, [model], perturbations, Draws(content="", each=1), step=done.append
            )
            passes = sum(done) + len(frames)
            best["sweep"] = max(best["sweep"], passes / (time.process_time() - before))
            best["bare"] = max(best["bare"], bare(model, frames.pixels, passes))
        say(
            f"{model.name:24} bare {best['bare']:6.1f} frames, sweep {best['sweep']:6.1f} passes a processor "
            f"second, ratio {best['sweep'] / best['bare']:.2f}"
        )
    spent = {}
    for each in perturbations:
        shown = strengths_shown(
            each.key, len(each.strengths), np.arange(len(frames)), content="", seed=0, each=1
        )
        before = time.process_time()
        for strength, of in zip(each.strengths, shown.T, strict=True):
            rows = np.flatnonzero(of)
            generators = [seeded("", int(n), 0, each.key, 0) for n in frames.index[rows]]
            each.apply(frames.pixels[rows], strength, generators)
        spent[each.key] = time.process_time() - before
    copies = sum(len(frames) for _ in perturbations)
    say(
        f"perturbing alone: {1000 * sum(spent.values()) / copies:.1f} ms a frame; the longest, ms a frame:"
    )
    for key in sorted(spent, key=lambda k: -spent[k])[:10]:
        say(f"  {key:24} {1000 * spent[key] / len(frames):6.1f}")


if __name__ == "__main__":
    harness.run(main)
