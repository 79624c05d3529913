"""Parts that a hand puts down and takes away, drawn so that the truth is known."""

from __future__ import annotations

import numpy as np

from vidrobust.repeatability.placed_parts import find_visits

HEIGHT, WIDTH = 90, 160


def table_of(visits: int, *, seed: int = 0, noise: float = 2.0) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """(N, H, W) uint8, and of each visit the first and last frame in which the part lies there uncovered."""
    rng = np.random.default_rng(seed)
    base = 120 + 25 * np.sin(np.arange(WIDTH) / 9)[None] + 15 * np.cos(np.arange(HEIGHT) / 7)[:, None]
    frames: list[np.ndarray] = []
    truth = []

    def shoot(parts: list[tuple[int, int]], hand: float | None) -> None:
        picture = base.copy()
        for x, y in parts:
            picture[y : y + 18, x : x + 24] = 35 + 20 * (np.indices((18, 24)).sum(axis=0) // 4 % 2)
        if hand is not None:  # an arm that comes from above, to this depth
            picture[: int(hand), 60:100] = 200 + 10 * np.sin(np.arange(40) / 3)[None]
        frames.append(np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8))

    for _ in range(visits):
        place = int(rng.integers(62, 72)), int(rng.integers(28, 44))
        for _ in range(int(rng.integers(10, 25))):
            shoot([], None)
        down = np.linspace(0, 75, 8)
        for depth in down:
            shoot([], depth)
        for depth in down[::-1]:
            shoot([place], depth)
        first = len(frames)
        for _ in range(int(rng.integers(20, 60))):
            shoot([place], None)
        truth.append((first, len(frames) - 1))
        for depth in down:
            shoot([place], depth)
        for depth in down[::-1]:
            shoot([], depth)
    for _ in range(12):
        shoot([], None)
    return np.stack(frames), truth


def test_each_visit_is_found_within_a_fifth_of_a_second() -> None:
    for seed in range(3):
        pictures, truth = table_of(6, seed=seed)
        found = find_visits(pictures).passes
        assert len(found) == 6, seed
        gaps = [(p.whole_first - a, p.whole_last - b) for p, (a, b) in zip(found, truth, strict=True)]
        assert np.abs(gaps).max() <= 5, gaps  # 25 frames a second
        assert all(p.first < p.whole_first and p.whole_last < p.last for p in found)


def test_an_empty_table_and_hands_alone_have_no_visit() -> None:
    pictures, _ = table_of(0)
    assert find_visits(pictures).passes == ()
    rng = np.random.default_rng(1)
    base = np.full((HEIGHT, WIDTH), 120.0)
    frames = []
    for depth in (*[0] * 15, *range(0, 70, 8), *[64] * 12, *range(64, 0, -8), *[0] * 15):
        picture = base.copy()
        picture[:depth, 60:100] = 200
        frames.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    assert find_visits(np.stack(frames)).passes == ()
