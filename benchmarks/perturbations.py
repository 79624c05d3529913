"""What perturbations cost: natural ones beside a network, ImageNet-C beside the maintained reference package.

    python benchmarks/perturbations.py                     # both tables
    python benchmarks/perturbations.py --suite natural
    python benchmarks/perturbations.py --suite imagenet-c --side 224 --batch 8

One thread, processor time, the best of several repetitions, on one picture that is made of numbers. A natural
perturbation should cost at most 15 % of an EfficientNet-Lite0 forward pass of one picture at 224 px. ImageNet-C
should be at least five times as fast as imagecorruptions in sum over all corruptions (each the mean of its five
severities), and none below 0.7 of it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import cv2
import harness
import numpy as np
import torch
from harness import say

from vidrobust.perturb.catalogue import suite
from vidrobust.perturb.draws import from_seed
from vidrobust.perturb.perturbation import Perturbation

SHARE_OF_A_FORWARD_PASS = 0.15
FASTER_IN_SUM, LEAST_OF_EACH = 5.0, 0.7


def best_ms(work: Callable[[], object], repetitions: int) -> float:
    """Milliseconds of processor time, the best of several repetitions after one to warm up."""
    work()
    found = []
    for _ in range(repetitions):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return 1000 * min(found)


def picture(side: int) -> np.ndarray:
    """(side, side, 3) uint8: blots of several sizes, like a photograph in its spectrum."""
    rng = np.random.default_rng(0)
    field = sum(
        weight
        * cv2.resize(rng.standard_normal((n, n, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
        for n, weight in ((3, 50), (10, 25), (30, 12), (100, 6))
    )
    return np.asarray(np.clip(field + 120, 0, 255).astype(np.uint8))


def ours_ms(entry: Perturbation, pixels: torch.Tensor, repetitions: int) -> list[float]:
    """Milliseconds a picture at each strength."""
    return [
        best_ms(lambda s=s: entry.apply(pixels, s, from_seed(1)), repetitions) / len(pixels)  # type: ignore[misc]
        for s in entry.strengths
    ]


def forward_pass_ms(repetitions: int) -> float:
    """One picture through EfficientNet-Lite0 at 224 px."""
    from efficientnet_lite_pytorch import EfficientNet

    network, pixels = (
        EfficientNet.from_name("efficientnet-lite0").eval(),
        torch.zeros(1, 3, 224, 224),
    )
    with torch.inference_mode():
        return best_ms(lambda: network(pixels), repetitions)


def natural(side: int, batch: int, repetitions: int, name: str) -> None:
    """Print a suite's cost a picture and its share of a forward pass."""
    forward = forward_pass_ms(repetitions)
    pixels = torch.from_numpy(picture(side)).permute(2, 0, 1).repeat(batch, 1, 1, 1).contiguous()
    say(
        f"\n{name}, {side} px, batches of {batch}; EfficientNet-Lite0 at 224: {forward:.2f} ms a picture"
    )
    say(f"{'':22} {'ms, mildest to strongest':42} of a pass")
    for entry in suite(name):
        cost = ours_ms(entry, pixels, repetitions)
        share = max(cost) / forward
        over = "  over" if share > SHARE_OF_A_FORWARD_PASS else ""
        say(f"{entry.name:22} {' '.join(f'{ms:7.3f}' for ms in cost):42} {share:6.1%}{over}")


def imagenet_c(side: int, batch: int, repetitions: int) -> None:
    """Print both implementations' mean cost over the severities, and the ratios."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own dependencies
        import imagecorruptions
    array = picture(side)
    pixels = torch.from_numpy(array).permute(2, 0, 1).repeat(batch, 1, 1, 1).contiguous()
    say(f"\nimagenet-c, {side} px, batches of {batch}, mean over severities, ms a picture")
    say(f"{'':22} {'ours':>8} {'package':>8} {'ratio':>7}")
    ours, theirs, slow = [], [], []
    for entry in suite("imagenet-c"):
        ours.append(float(np.mean(ours_ms(entry, pixels, repetitions))))
        costs = [
            best_ms(lambda s=s, n=entry.name: imagecorruptions.corrupt(array, s, n), repetitions)  # type: ignore[misc]
            for s in range(1, 6)
        ]
        theirs.append(float(np.mean(costs)))
        say(f"{entry.name:22} {ours[-1]:8.3f} {theirs[-1]:8.3f} {theirs[-1] / ours[-1]:7.2f}")
        slow += [entry.name] if theirs[-1] / ours[-1] < LEAST_OF_EACH else []
    total = sum(theirs) / sum(ours)
    say(f"{'sum':22} {sum(ours):8.3f} {sum(theirs):8.3f} {total:7.2f}  (wanted: {FASTER_IN_SUM:g})")
    say(f"below {LEAST_OF_EACH:g} of the package: {', '.join(slow) or 'none'}")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument(
        "--suite", choices=["natural", "line-camera", "imagenet-c"], action="append"
    )
    parser.add_argument("--side", type=int, default=224, help="px of the square picture (224)")
    parser.add_argument("--batch", type=int, default=8, help="pictures in a batch (8)")
    parser.add_argument("--repetitions", type=int, default=5, help="the best of so many (5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name in options.suite or ["natural", "imagenet-c"]:
        if name == "imagenet-c":
            imagenet_c(options.side, options.batch, options.repetitions)
        else:
            natural(options.side, options.batch, options.repetitions, name)


if __name__ == "__main__":
    harness.run(main)
