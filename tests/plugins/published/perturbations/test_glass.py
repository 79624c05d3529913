"""The shuffle in steps against the loop in raster order that it stands for."""

import numpy as np
import pytest

from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.perturbations import imagenet_c as glass


def shuffled_one_by_one(frame, steps, step, iterations):
    """The package's loop, in NumPy: the second half of the exchange writes what the first has just written."""
    out, number = frame.copy(), 0
    h, w = frame.shape[:2]
    for _ in range(iterations):
        for y in range(h - step, step, -1):
            for x in range(w - step, step, -1):
                dy, dx = steps[number]
                out[y, x], out[y + dy, x + dx] = out[y + dy, x + dx], out[y, x]
                number += 1
    assert number == len(steps)
    return out


@pytest.mark.parametrize(("step", "iterations"), [(1, 2), (2, 1), (2, 3), (3, 2), (4, 2)])
@pytest.mark.parametrize("size", [(20, 31), (33, 19), (9, 9)], ids=str)
def test_same_as_one_by_one(step, iterations, size):
    frames = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    count = glass.num_steps(*size, step, iterations)
    steps = np.stack([glass.draw_steps(from_seed(seed), count, step) for seed in range(3)])
    assert set(np.unique(steps)) <= set(range(-step, step))
    together = glass.shuffle(frames, steps, step, iterations)
    for row in range(3):
        alone = shuffled_one_by_one(frames[row], steps[row], step, iterations)
        assert np.array_equal(together[row], alone)


def test_a_frame_too_small_to_swap_stays():
    frame = np.arange(27, dtype=np.uint8).reshape(1, 3, 3, 3)
    assert glass.num_steps(3, 3, 4, 2) == 0
    assert np.array_equal(glass.shuffle(frame, np.zeros((1, 0, 2), np.int64), 4, 2), frame)
