"""Glass blur of ImageNet-C: every pixel replaced by a random neighbour, one after the other in raster order.

The paper speaks of swaps, but the authors' code exchanges two views of one array, by which the first pixel takes
the value of the second and the second keeps its own; so do the files of ImageNet-C, the reference package, and
this. The order matters, since a replaced pixel may be taken further. Two steps interfere only if their centres
are at most d apart (d: the largest step). With K = d + 1, all steps of one iteration with the same time

    t = K (rows above the last) + (columns left of the last)

are more than d columns apart, and whatever interferes with one of them earlier in raster order has a smaller t.
The next iteration follows d K + K steps later. So t counts the rounds, and each round works in all frames at
once: the result is that of the loop in raster order, exactly.

         w ->  . . . . . . . .        d = 1, K = 2: numbers are t
      h        8 7 6 5 4 3 2 1 0      (last row)
      above    . 9 8 7 6 5 4 3 2
"""

from __future__ import annotations

import functools

import numpy as np
import torch


@functools.lru_cache(maxsize=4)
def _schedule(h: int, w: int, step: int, iterations: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All steps in order of time: flat pixel of the centre, number in raster order, where each time starts."""
    rows, columns = np.arange(h - step, step, -1), np.arange(w - step, step, -1)
    k = step + 1
    once = (k * np.arange(rows.size)[:, None] + np.arange(columns.size)[None]).reshape(-1)
    times = np.concatenate([once + i * (step * k + k) for i in range(iterations)])
    pixel = np.tile((rows[:, None] * w + columns[None]).reshape(-1), iterations)
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order], prepend=-1))
    return pixel[order], order, np.append(starts, order.size)


def num_steps(h: int, w: int, step: int, iterations: int) -> int:
    """How many steps there are, each by some rows and columns."""
    return iterations * max(0, h - 2 * step) * max(0, w - 2 * step)


def draw_steps(generator: torch.Generator, count: int, step: int) -> np.ndarray:
    """(count, 2) int64: row and column steps in [-step, step)."""
    drawn = torch.randint(-step, step, (count, 2), generator=generator, device=generator.device)
    return np.asarray(drawn.cpu().numpy())


def shuffle(frames: np.ndarray, steps: np.ndarray, step: int, iterations: int) -> np.ndarray:
    """Replace pixels of every frame by its own steps.

    frames  (N, H, W, 3) uint8 · steps  (N, S, 2) by how many rows and columns, in raster order from the last
    pixel to the first, iteration after iteration
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
        flat[here[start:stop]] = flat[there[start:stop]]
    return np.ascontiguousarray(flat.view(np.uint8).reshape(n, h, w, 4)[..., :3])
