"""Glass blur of ImageNet-C: pixels swapped with random neighbours, one after the other in raster order.

The order matters, since a swapped pixel may be swapped again. Two swaps touch the same pixels only if their
centres are at most 2 d apart (d: the largest step), so swaps far enough apart can be done together. With
K = 2 d + 1, all swaps of one iteration with the same time

    t = K (rows above the last) + (columns left of the last)

are more than 2 d columns apart, and every earlier swap that touches one of them has a smaller t. A further
iteration follows 2 d K + K steps later. So t counts the steps, and each step swaps in all frames at once: the
result is that of the loop in raster order, exactly.

         w ->  . . . . . . . .        d = 1, K = 3: numbers are t
      h        8 7 6 5 4 3 2 1 0      (last row)
      above    . . . 8 7 6 5 4 3
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from vidrobust.perturb.draws import one_per_frame


@functools.lru_cache(maxsize=4)
def _schedule(h: int, w: int, step: int, iterations: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All swaps in order of time: flat pixel of the centre, number in raster order, where each time starts."""
    rows, columns = np.arange(h - step, step, -1), np.arange(w - step, step, -1)
    k = 2 * step + 1
    once = (k * np.arange(rows.size)[:, None] + np.arange(columns.size)[None]).reshape(-1)
    times = np.concatenate([once + i * (2 * step * k + k) for i in range(iterations)])
    pixel = np.tile((rows[:, None] * w + columns[None]).reshape(-1), iterations)
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order], prepend=-1))
    return pixel[order], order, np.append(starts, order.size)


def num_swaps(h: int, w: int, step: int, iterations: int) -> int:
    """How many swaps there are, each with a row and a column step."""
    return iterations * max(0, h - 2 * step) * max(0, w - 2 * step)


def draw_steps(generator: torch.Generator, count: int, step: int) -> np.ndarray:
    """(count, 2) int64: row and column steps in [-step, step)."""
    drawn = torch.randint(-step, step, (count, 2), generator=generator, device=generator.device)
    return np.asarray(drawn.cpu().numpy())


def shuffle(frames: np.ndarray, steps: np.ndarray, step: int, iterations: int) -> np.ndarray:
    """Swap pixels of every frame with its own steps.

    frames  (N, H, W, 3) uint8 · steps  (N, S, 2) row and column steps of each swap in raster order from the
    last pixel to the first, iteration after iteration
    """
    n, h, w, _ = frames.shape
    pixel, order, starts = _schedule(h, w, step, iterations)
    packed = np.zeros((n, h * w, 4), np.uint8)
    packed[:, :, :3] = frames.reshape(n, h * w, 3)
    flat = packed.view(np.uint32).reshape(-1)
    offset = (np.arange(n) * (h * w))[None]
    here = pixel[:, None] + offset
    moved = steps[:, order, 0] * w + steps[:, order, 1]
    there = here + moved.T
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        a, b = here[start:stop], there[start:stop]
        value = flat[a]
        flat[a] = flat[b]
        flat[b] = value
    return np.ascontiguousarray(flat.view(np.uint8).reshape(n, h, w, 4)[..., :3])


def draw_all(generators: list[torch.Generator], h: int, w: int, step: int, iterations: int) -> np.ndarray:
    """Steps for every frame, from its own generator."""
    count = num_swaps(h, w, step, iterations)
    return np.stack([draw_steps(own, count, step) for own in one_per_frame(generators, len(generators))])
