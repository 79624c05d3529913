"""Where the random numbers of perturbations come from: generators that depend on content, never on the batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch

from vidrobust.errors import SettingsError

Generators = torch.Generator | Sequence[torch.Generator]


def seeded(
    content: str, frame: int, draw: int, perturbation_key: str, seed: int
) -> torch.Generator:
    """Return the CPU generator of one frame of one content, for one draw under one perturbation.

    Reproducible in every process and on every machine (BLAKE2b), so that all models see the same draw.
    ``content`` is a hash of the footage, so that a renamed clip keeps its draws. For a perturbation that
    lives in time, ``frame`` is 0.
    """
    text = "\x1f".join([str(seed), perturbation_key, content, str(frame), str(draw)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return from_seed(int.from_bytes(digest, "big") >> 1)


def from_seed(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    return generator


def one_per_frame(generator: Generators, num_frames: int) -> list[torch.Generator]:
    """Return one generator for each frame.

    A single one seeds each frame in turn, so that a batch split anywhere gives the same result.
    """
    if isinstance(generator, torch.Generator):
        return [from_seed(draw_seed(generator), generator.device) for _ in range(num_frames)]
    generators = list(generator)
    if len(generators) != num_frames:
        raise SettingsError(
            f"expected one generator, or one for each of the {num_frames} frames; got {len(generators)}"
        )
    return generators


def draw_seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator, device=generator.device).item())


def uniform(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    """Return one float64 number from [low, high)."""
    value = torch.rand((), generator=generator, dtype=torch.float64, device=generator.device).item()
    return low + (high - low) * float(value)


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """Return one of low, low + 1, ..., high - 1."""
    return int(torch.randint(low, high, (), generator=generator, device=generator.device).item())


def sign(generator: torch.Generator) -> int:
    return 1 - 2 * integer(generator, 0, 2)


def angle(generator: torch.Generator) -> float:
    """Return radians from [0, 2 pi)."""
    return uniform(generator, 0.0, 2 * math.pi)


def normal(
    generator: torch.Generator, shape: Sequence[int], device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Return standard normal float32 numbers, drawn on the generator's device and then moved to ``device``."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device).to(device)


def sixteen_bits(
    generator: torch.Generator, shape: Sequence[int], device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Return uniform uint16 0..65535; four of them come from one draw, which makes them cheap."""
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.uint16)[:count].reshape(tuple(shape)).to(device)
