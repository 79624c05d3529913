"""How often direction names the cause that was planted into real frames.

    python benchmarks/direction.py CLIP... [--frames 5] [--strengths 1] [--side 480] [--model efficientnet-lite0]

For each clip and cause a planted clip: real frames, each paired with itself under one perturbation of the
catalogue at a random sign and a random strength (log-uniform in the range below, so other strengths than the
probes'). Also noise and JPEG, which should be named as nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.account import direction
from vidrobust.frames import FrameBatch
from vidrobust.models.load import load_model
from vidrobust.perturb.catalogue import find
from vidrobust.predictions import Classifier
from vidrobust.video.source import open_video

PLANTED = {
    "brightness": ("light", "brightness", "", 0.03, 0.25),
    "gamma": ("light", "gamma", "", 0.03, 0.25),
    "saturation": ("colour", "saturation", "", 0.1, 0.5),
    "white balance": ("colour", "white_balance", "", 0.03, 0.2),
    "hue": ("hue", "hue", "", 4, 20),
    "shift x": ("shift", "translation", "translation_x", 0.5, 8),
    "shift y": ("shift", "translation", "translation_y", 0.5, 8),
    "rotation": ("rotation", "rotation", "", 0.3, 3),
    "zoom": ("zoom", "scale", "", 0.005, 0.05),
    "blur": ("blur", "gaussian_blur", "", 0.5, 2),
}
"""Name -> cause, perturbation, direction, smallest and largest strength."""
NOTHING = {"noise": ("gaussian_noise", 3.0, 10.0), "jpeg": ("jpeg", 20.0, 60.0)}


def smaller(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Frames averaged down to a longer side of at most ``side``: to save time."""
    ratio = side / max(pixels.shape[2:])
    if ratio >= 1:
        return pixels
    size = (round(pixels.shape[3] * ratio), round(pixels.shape[2] * ratio))
    frames = [cv2.resize(x.permute(1, 2, 0).numpy(), size, interpolation=cv2.INTER_AREA) for x in pixels]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def planted(pixels: torch.Tensor, name: str, generator: np.random.Generator) -> torch.Tensor:
    """Each frame under the named perturbation at its own strength and sign."""
    frames = []
    for number in range(len(pixels)):
        frame = pixels[number : number + 1]
        if name in NOTHING:
            key, low, high = NOTHING[name]
            seeded = torch.Generator().manual_seed(int(generator.integers(2**31)))
            frames.append(find(key).apply(frame, generator.uniform(low, high), seeded))
            continue
        _, key, way, low, high = PLANTED[name]
        strength = float(np.exp(generator.uniform(np.log(low), np.log(high))))
        sign = 1 if name == "blur" else int(generator.choice([-1, 1]))
        frames.append(find(key).apply_signed(frame, sign * strength, way))
    return torch.cat(frames)


def batch(pixels: torch.Tensor, index: np.ndarray, item: str) -> FrameBatch:
    return FrameBatch(
        pixels=pixels, time_s=index / 25.0, index=index, corrupt=np.zeros(len(index), bool), item=item
    )


def study(path: Path, model: Classifier, options: argparse.Namespace) -> pd.DataFrame:
    """One row per planted clip: the truth, the cause that came first, and the one named."""
    generator = np.random.default_rng(options.seed)
    with open_video(path) as source:
        count = sum(len(part) for part in source.batches(32))
        index = np.linspace(0, count - 1, options.frames).astype(np.int64)
        pixels = smaller(source.at(index.tolist()).pixels, options.side)
    rows = []
    for name in [*PLANTED, *NOTHING]:
        for _ in range(options.strengths):
            a = batch(pixels, index, path.name)
            b = batch(planted(pixels, name, generator), index + 1, path.name)
            found = direction.summarise(direction.study_pairs(path.name, a, b, [model]))
            causes = found[(found["perturbation"] == "") & found["cosine"].notna()]
            best = causes.loc[causes["cosine"].idxmax()]
            truth = PLANTED[name][0] if name in PLANTED else direction.NONE
            rows.append(
                {
                    "clip": path.name,
                    "planted": name,
                    "truth": truth,
                    "first": best["cause"],
                    "named": best["named"],
                    "cosine": best["cosine"],
                    "margin": best["margin"],
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--strengths", type=int, default=1, help="planted clips of each kind")
    parser.add_argument("--side", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="efficientnet-lite0")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_model(options.model, device="cpu")
    parts = []
    for path in options.clips:
        parts.append(study(path, model, options))
        report(pd.concat(parts))


def report(table: pd.DataFrame) -> None:
    """One line per kind, and the whole."""
    table = table.assign(
        is_first=table["first"] == table["truth"],
        right=table["named"] == table["truth"],
        wrong=~table["named"].isin([direction.NONE]) & (table["named"] != table["truth"]),
    )
    columns = ["is_first", "right", "wrong", "cosine", "margin"]
    print(f"\n{table['clip'].nunique()} clips")
    print(table.groupby("planted", sort=False)[columns].mean().round(2).to_string())
    kept = table[table["truth"] != direction.NONE]
    print(
        f"planted: first {kept['is_first'].mean():.3f}, named {kept['right'].mean():.3f}, "
        f"named wrongly {kept['wrong'].mean():.3f} of {len(kept)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
