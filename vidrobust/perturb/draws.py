"""Where the random numbers of perturbations come from: generators that depend on content, never on the batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
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


class SixteenBits:
    """Uniform numbers 0..65535 in order, the same on every device and in parts of any size.

    SplitMix64 of a counter (Steele, Lea & Flood 2014, OOPSLA); four numbers of each of its words, the lowest first.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._key, self._taken = draw_seed(generator), 0

    def next(self, shape: Sequence[int], device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the next numbers, made on ``device``: uint16 on the CPU, elsewhere int32."""
        count = math.prod(shape)
        word, within = divmod(self._taken, 4)
        words = -(-(within + count) // 4)
        self._taken += count
        if torch.device(device).type == "cpu":
            mixed = _mixed_by_numpy(self._key, word + 1, words).view(np.uint16)
            return torch.from_numpy(mixed[within : within + count].reshape(tuple(shape)))
        drawn = _mixed(self._key, word + 1, words, device).view(torch.int16)
        return (drawn[within : within + count].to(torch.int32) & 0xFFFF).reshape(tuple(shape))


_GOLDEN = 0x9E3779B97F4A7C15
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def _mixed_by_numpy(key: int, first: int, count: int) -> np.ndarray:
    """(count,) uint64 words of SplitMix64; a third of the time that torch takes for them."""
    z = np.arange(first, first + count, dtype=np.uint64)
    z *= np.uint64(_GOLDEN)
    z += np.uint64(key)
    for shift, factor in _ROUNDS:
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    return z


def _mixed(key: int, first: int, count: int, device: torch.device | str) -> torch.Tensor:
    """Return the same words as int64, whose shifts to the right repeat the sign."""
    z = torch.arange(first, first + count, device=device)
    z.mul_(_as_signed(_GOLDEN)).add_(key)
    for shift, factor in _ROUNDS:
        z.bitwise_xor_((z >> shift) & ((1 << (64 - shift)) - 1)).mul_(_as_signed(factor))
    return z


def _as_signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word
