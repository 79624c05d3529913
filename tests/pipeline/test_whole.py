"""How far a study is and how long the rest takes, counted by hand."""

import pytest

from vidrobust.pipeline import progress
from vidrobust.pipeline.progress import TABLES, Reporter, Whole


def whole(started=0.0):
    """100 frames at .1 s, 20 pairs at 2 s, 2 tables at 5 s: 60 s in all."""
    seconds, steps = {"frames": 0.1, "pairs": 2.0, TABLES: 5.0}, {"frames": 100, "pairs": 20}
    return Whole(seconds, steps | {TABLES: 2}, started)


def test_before_the_first_step_the_estimate_is_what_is_left():
    assert whole().left_s(0.0) == pytest.approx(60.0)
    assert whole().share == 0.0


def test_at_the_foreseen_pace_what_is_left_falls_second_by_second():
    work = whole()
    work.advance("frames", 100)
    assert work.share == pytest.approx(10 / 60)
    assert work.left_s(10.0) == pytest.approx(50.0)


def test_at_half_the_pace_the_rest_takes_twice_as_long_once_there_is_something_to_tell_by():
    work = whole()
    work.advance("frames", 100)
    work.advance("pairs", 10)  # 30 s of work in 60 s; 3 s of it are trusted from the estimate
    assert work.left_s(60.0) == pytest.approx(30 * 63 / 33)


def test_it_ends_at_nothing_left_and_further_steps_are_not_counted():
    work = whole()
    for unit, count in (("frames", 140), ("pairs", 20), (TABLES, 2)):
        assert work.advance(unit, count)
    assert work.left_s(70.0) == 0.0
    assert work.share == 1.0
    assert not work.advance("backgrounds", 1)


@pytest.mark.parametrize(
    ("done", "change", "steps", "total_s"),
    [(12, Whole.fewer, 8, 44.0), (20, Whole.more, 10, 80.0)],
    ids=["not there", "come to light"],
)
def test_steps_found_on_the_way_change_what_is_ahead(done, change, steps, total_s):
    work = whole()
    work.advance("pairs", done)
    change(work, "pairs", steps)
    assert work.total_s == pytest.approx(total_s)
    assert work.share == pytest.approx(2 * done / total_s)


def test_without_a_terminal_it_is_said_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SAID_EVERY_S", 0.0)
    reporter = Reporter()
    reporter.begin_whole(whole())
    with reporter.counting("clip", 100, "frames") as counter:
        counter.advance(60)
    reporter.end_whole()
    reporter.moved("frames", 40)  # nothing is said after the end
    said = [line for line in capsys.readouterr().err.splitlines() if "of the study is done" in line]
    assert len(said) == 1
    assert said[0].startswith("10 % of the study is done, about ")
