"""Write the picture and the figures of the pair that docs/methods/account.md begins with, from the demo's footage.

python docs/worked_pair.py reports/demo-footage/clips/part-01_pass-1_station-1.mp4 --frame 25
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from vidrobust.models.load import load_model
from vidrobust.plugins.line.lamp import MODEL
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import seen_by
from vidrobust.video.source import open_video

PICTURE = Path(__file__).parent / "worked_pair.jpg"
HEIGHT, GAP = 240, 8  # px of the picture's panels, and of the white between them


def main() -> None:
    """Replay one pair, print the margin of every picture and the share of every cause, and write three pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument(
        "--frame", type=int, required=True, help="t: its label differs from that of t+1"
    )
    asked = parser.parse_args()
    frames = open_video(str(asked.clip)).at(range(asked.frame - 1, asked.frame + 3))
    pixels = [np.ascontiguousarray(frame) for frame in frames.pixels.permute(0, 2, 3, 1).numpy()]
    pair = study_pair(*pixels, coded=True)
    model = load_model(MODEL)
    seen = seen_by(model, pair.pictures)
    z, labels = seen.z, seen.labels
    a, b = labels[0], labels[1]
    margin, d = z[:, a] - z[:, b], z[1] - z[0]
    print(f"{model.class_names[a]} becomes {model.class_names[b]}; reversed: {pair.reversed}")
    for name, place in [
        ("t", 0),
        ("base", pair.forwards[0]),
        ("replay", pair.forwards[-1]),
        ("t+1", 1),
    ]:
        print(f"{name:8}margin {margin[place]:+.2f}")
    shares: dict[str, float] = defaultdict(float)
    for step in pair.steps:
        along = (z[step.after] - z[step.before]) @ d * (-1 if pair.reversed else 1)
        shares[step.cause] += step.weight * along / (d @ d)
    for cause, share in shares.items():
        print(f"{cause:20}{share:+.3f}")
    panels = [Image.fromarray(pair.pictures[place]) for place in (0, pair.forwards[-1], 1)]
    panels = [each.resize((each.width * HEIGHT // each.height, HEIGHT)) for each in panels]
    width = panels[0].width
    whole = Image.new("RGB", (3 * width + 2 * GAP, HEIGHT), "white")
    for number, each in enumerate(panels):
        whole.paste(each, (number * (width + GAP), 0))
    whole.save(PICTURE, quality=85)


if __name__ == "__main__":
    main()
