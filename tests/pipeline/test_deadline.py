"""Pairs until a deadline: round by round under a clock that the test moves, then in a look at real footage."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.shrunk import recode
from vidrobust.pipeline import estimate, plan
from vidrobust.pipeline.build import build
from vidrobust.pipeline.deadline import REST_S, SETTLED, Deadline, Pace
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.predictions import Classifications
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES

CLIP = Path(__file__).parents[1] / "footage_media" / "nasa.mp4"
MOST = 4
"""Pairs of a look that is in no hurry."""


@dataclass
class Clock:
    now_s: float = 0.0
    step_s: float = 0.0  # by which it moves whenever it is read

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


def grown(clock, room_s, pace, have=0):
    """The sizes of the rounds up to 24 pairs, with the seconds that a pair of each takes, and what was told."""
    told = []
    sizes = []
    deadline = Deadline(budget="60s", ends_s=clock.now_s + room_s + REST_S, clock=clock)
    for size in deadline.sizes(have, 24, told.append):
        clock.now_s += (size - (sizes[-1] if sizes else have)) * pace[len(sizes)]
        sizes.append(size)
    (only,) = told
    return sizes, only


@pytest.mark.parametrize(
    ("room_s", "pace", "have", "sizes", "told"),
    [
        # two of a second each show that 20 fit; no round makes more than four times as many
        (20.0, [1, 1, 1], 0, [2, 8, 20], 20),
        (100.0, [1, 1, 1], 0, [2, 8, 24], 24),
        # then each takes three: the 20 s are over with the eighth
        (20.0, [1, 3], 0, [2, 8], 20),
        # the first two took 20 of 30 s, the third one: nine more fit
        (30.0, [10, 1, 1], 0, [2, 3, 12], 3),
        (0.0, [], 0, [], 0),
        (1.0, [2], 0, [2], 2),
        (0.0, [], 8, [], 8),
        (6.0, [1, 1], 8, [10, 14], 14),
    ],
)
def test_as_many_pairs_as_there_is_time_for(room_s, pace, have, sizes, told):
    assert grown(Clock(), room_s, pace, have) == (sizes, told)


def test_what_is_left_is_shared_among_what_is_to_come():
    clock = Clock(100.0)
    whole = Deadline(budget="60s", ends_s=130.0 + REST_S, clock=clock)
    assert whole.left_s == pytest.approx(30)
    assert whole.part(3).left_s == pytest.approx(10)
    assert whole.part(1).left_s == pytest.approx(30)
    # ten seconds for all frames are twenty for what is asked about them later
    assert whole.before_later(10.0, 250).left_s == pytest.approx(10)
    # of 2,000 frames 500 are, which took a quarter of the time
    assert whole.before_later(10.0, 2000).left_s == pytest.approx(25)
    clock.now_s = 150.0
    assert whole.part(3).left_s == pytest.approx(-20)


def test_the_pace_of_the_frames_to_come_is_not_that_of_the_first():
    clock = Clock()
    pace = Pace(100, clock)
    left_s = []
    # 8 s for the first two batches, in which an engine is built, then a second for ten frames
    for now_s, done in ((4.0, SETTLED // 2), (8.0, SETTLED), (9.0, SETTLED + 10), (11.0, 46)):
        clock.now_s = now_s
        left_s.append(pace.left_s(done))
    assert left_s == pytest.approx([0, 0, 0.1 * (90 - SETTLED), 0.1 * 54])


class ByLight:
    """Answers by how bright the left half is against the right one."""

    name, class_names, task = "by_light", ("left", "right"), "classification"

    def __call__(self, pixels):
        left, right = (half.float().mean(dim=(1, 2, 3)) for half in pixels.chunk(2, dim=3))
        share = torch.sigmoid((left - right) / 8).numpy().astype(np.float32)
        return Classifications(np.stack([share, 1 - share], axis=1), self.class_names)


def looked(folder, monkeypatch, step_s):
    """The causes of a look of 60 s, by a clock that moves by ``step_s`` whenever it is read."""

    def deadline(*, budget, ends_s):
        return Deadline(budget=budget, ends_s=60.0, clock=Clock(0.0, step_s))

    monkeypatch.setattr(plan, "Deadline", deadline)
    monkeypatch.setitem(estimate.RULES, "pairs", estimate.Rule(MOST, MOST, 1))
    clip = recode(CLIP, folder / "clip.mp4", 30)
    settings = Settings(sources=(str(clip),), model=("by_light",), budget="60s", end_s=1.2)
    told, place = Reporter(quiet=True), str(folder / "run")
    with opened_sources(settings, place, told, models=[ByLight()]) as run:
        build(run, STAGES, ["causes"])
        return run.table("causes")


def pairs_of(causes):
    return len(causes[causes["scale"] == "adjacent"].drop_duplicates(["frame_a", "frame_b"]))


def test_a_look_notes_how_many_pairs_there_was_time_for_and_the_next_goes_on(tmp_path, monkeypatch):
    def sample():
        return dict(json.loads((tmp_path / "run" / "run.json").read_text())["sample"])

    expected = {"budget": "60s", "frames": 0, "items": 1, "asked": MOST}
    assert looked(tmp_path, monkeypatch, 100.0).empty
    assert sample() == {**expected, "pairs": 0}
    assert RunTables(tmp_path / "run").left_out("pairs") == "budget"
    # read five times, the last time at 55 s, after two pairs: nothing is left beside the tables
    first = looked(tmp_path, monkeypatch, 11.0)
    assert (pairs_of(first), sample()) == (2, {**expected, "pairs": 2})
    again = looked(tmp_path, monkeypatch, 0.0)
    assert (pairs_of(again), sample()) == (MOST, {**expected, "pairs": MOST})
