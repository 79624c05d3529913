"""What a study is said to cost: the frames that are looked at, and the processes that share the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.tiny import model
from vidrobust.pipeline import estimate, inputs
from vidrobust.pipeline.estimate import START_S, TABLES_S, Cost, CostEstimate, Counts, estimate_cost, sped_up
from vidrobust.pipeline.inputs import frames_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES

CLIPS = ("hevc.mp4", "line-bolt.gif", "bunny.webm")


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"end_s": 0.4},
        {"start_s": 0.2},
        {"start_s": 0.2, "end_s": 0.5},
        {"start_s": 0.2, "every": 3},
        {"fps": 5.0, "end_s": 0.5},
        {"start_s": 99.0},
    ],
)
def test_frames_of_the_range_that_is_asked_for(public_clips: Path, name: str, asked: dict) -> None:
    settings = Settings(sources=(str(public_clips / name),), **asked)
    found = inputs.find(settings, None, Reporter(quiet=True))
    with inputs.open_item(found.items[0], settings) as source:
        cost = frames_of(found.items[0], settings, source)
        delivered = sum(len(batch) for batch in source.batches(16))
    if name == "bunny.webm":
        assert cost is None  # its header does not say
    else:
        assert cost == pytest.approx(delivered, abs=1)


def test_how_much_faster_several_processes_are() -> None:
    assert sped_up(1.0, 4, 8) == 4  # one processor each, and enough of them
    assert sped_up(1.0, 4, 2) == 2
    assert sped_up(1.6, 2, 2) == pytest.approx(1.25)  # one process keeps four fifths of the machine busy
    assert sped_up(2.0, 2, 2) == 1
    assert sped_up(0.2, 1, 8) == 1


def cost(settings: Settings, monkeypatch: pytest.MonkeyPatch, counts: Counts | None = None) -> CostEstimate:
    costs = [
        Cost("stream", "frames", "frames", 0.1, 1.0),
        Cost("sensitivity", "frames", "perturbed frames", 0.2, 1.0),
        Cost("causes", "pairs", "pairs", 0.3, 2.0),
    ]
    monkeypatch.setattr(estimate, "_measured", lambda *_: costs)
    monkeypatch.setattr(estimate, "_processors", lambda _: 2)
    found = inputs.find(settings, None, Reporter(quiet=True))
    ahead = estimate_cost(settings, STAGES, [model], found, found.items, Reporter(quiet=True), counts)
    assert ahead is not None
    return ahead


def test_range_and_workers_by_hand(public_clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips; half a second of 25 frames/s and of its own rate."""
    sources = tuple(str(public_clips / name) for name in ("dog.mp4", "cars.mp4"))
    whole = cost(Settings(sources=sources), monkeypatch, Counts(4, 6))
    part = cost(Settings(sources=sources, end_s=0.2), monkeypatch, Counts(4, 6))
    assert 0 < part.frames < whole.frames / 2
    of_steps = {cost.stage: steps * cost.seconds for cost, steps in part.costs}
    fixed = TABLES_S + 3 * 0.3  # and the three worst pairs again, for pictures
    assert part.low_s == pytest.approx(0.75 * (fixed + sum(of_steps.values())), abs=0.1)
    bare = cost(Settings(sources=sources, end_s=0.2, pictures=False), monkeypatch, Counts(4, 6))
    assert bare.low_s == pytest.approx(0.75 * (TABLES_S + sum(of_steps.values())), abs=0.1)
    assert part.workers == 1

    several = cost(Settings(sources=sources, end_s=0.2, workers=2), monkeypatch, Counts(4, 6))
    # what keeps one processor busy goes twice as fast on two, what keeps both busy does not
    shared = of_steps["stream"] / 2 + of_steps["sensitivity"] / 2 + of_steps["causes"]
    assert several.low_s == pytest.approx(0.75 * (fixed + START_S + shared), abs=0.1)
    assert several.workers == 2
    assert "with 2 processes" in several.text
    # no more processes than there are segments
    one = cost(Settings(sources=sources[:1], workers=8), monkeypatch, Counts(4, 6))
    assert one.workers == 1


def test_more_processes_make_more_of_a_budget(public_clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tuple(str(public_clips / name) for name in ("dog.mp4", "cars.mp4"))
    alone = cost(Settings(sources=sources, budget="6m"), monkeypatch)
    several = cost(Settings(sources=sources, budget="6m", workers=2), monkeypatch)
    assert several.counts.frames > 1.5 * alone.counts.frames
    assert several.counts.pairs > alone.counts.pairs
    assert several.high_s == pytest.approx(alone.high_s, rel=0.1)
