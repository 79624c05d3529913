"""Parts that a hand puts down and takes away, drawn so that the truth is known."""

from __future__ import annotations

import numpy as np

from vidrobust.plugins.gauge.placed_parts import find_visits

HEIGHT, WIDTH = 90, 160


def table_of(
    visits: int, *, seed: int = 0, noise: float = 2.0
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """(N, H, W) uint8, and of each visit the first and last frame in which the part lies there uncovered."""
    rng = np.random.default_rng(seed)
    base = (
        120 + 25 * np.sin(np.arange(WIDTH) / 9)[None] + 15 * np.cos(np.arange(HEIGHT) / 7)[:, None]
    )
    frames: list[np.ndarray] = []
    truth = []

    def shoot(parts: list[tuple[int, int]], hand: float | None) -> None:
        picture = base.copy()
        for x, y in parts:
            picture[y : y + 18, x : x + 24] = 35 + 20 * (np.indices((18, 24)).sum(axis=0) // 4 % 2)
        if hand is not None:  # an arm that comes from above, to this depth
            picture[: int(hand), 60:100] = 200 + 10 * np.sin(np.arange(40) / 3)[None]
        frames.append(
            np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        )

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
    for seed in range(2):
        pictures, truth = table_of(4, seed=seed)
        found = find_visits(pictures).passes
        assert len(found) == 4, seed
        gaps = [
            (p.whole_first - a, p.whole_last - b) for p, (a, b) in zip(found, truth, strict=True)
        ]
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


def test_two_places_are_distinguished_and_a_part_may_stay_to_the_end() -> None:
    rng = np.random.default_rng(4)
    base = (
        120 + 25 * np.sin(np.arange(WIDTH) / 9)[None] + 15 * np.cos(np.arange(HEIGHT) / 7)[:, None]
    )
    left, right = (slice(30, 50), slice(20, 44)), (slice(30, 50), slice(110, 134))
    frames = []
    # the left part lies there from 30 to 129, the right one from the beginning to 79 and again from 160
    for frame in range(200):
        picture = base.copy()
        for place, there in ((left, 30 <= frame < 130), (right, frame < 80 or frame >= 160)):
            if there:
                picture[place] = 35 + 20 * (np.indices((20, 24)).sum(axis=0) // 4 % 2)
        for place, begins in ((left, (20, 130)), (right, (80, 150))):
            if any(begin <= frame < begin + 10 for begin in begins):
                picture[:52, place[1]] = 200  # an arm comes down over the place
        frames.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    found = [(p.whole_first, p.whole_last) for p in find_visits(np.stack(frames)).passes]
    assert sorted(found) == [(0, 79), (30, 129), (160, 199)]


def test_a_part_that_replaces_another_behind_an_arm_ends_its_visit() -> None:
    """Two whole visits at one place at one time cannot be: a faint part until 89, a clear one from 100 on."""
    rng = np.random.default_rng(6)
    base = (
        120 + 25 * np.sin(np.arange(WIDTH) / 9)[None] + 15 * np.cos(np.arange(HEIGHT) / 7)[:, None]
    )
    place = (slice(34, 54), slice(66, 90))
    checks = np.indices((20, 24)).sum(axis=0) // 4 % 2
    frames = []
    for frame in range(170):
        picture = base.copy()
        if 30 <= frame < 90:
            picture[place] = 75 + 4 * checks
        elif 100 <= frame < 140:
            picture[place] = 15 + 60 * checks
        if any(begin <= frame < begin + 10 for begin in (20, 90, 140)):
            picture[:58, 60:96] = 200
        frames.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    found = find_visits(np.stack(frames))
    assert [(p.whole_first, p.whole_last) for p in found.passes] == [(30, 89), (100, 139)]
    assert found.notes == ()
