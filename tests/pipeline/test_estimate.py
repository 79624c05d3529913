"""What a study is said to cost: the frames that are looked at, and the processes that share the work."""

import pytest

from tests.fuzz.tiny import model
from vidrobust.pipeline import estimate, inputs
from vidrobust.pipeline.estimate import (
    START_S,
    TABLES_S,
    Cost,
    Counts,
    FootageSize,
    estimate_cost,
    least_counts,
    least_of,
    outlooks,
    reachable,
    shares,
    sped_up,
    spent,
    within,
)
from vidrobust.pipeline.inputs import frames_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.stage import POLICY
from vidrobust.statement import Question

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
def test_frames_of_the_range_that_is_asked_for(public_clips, name, asked):
    settings = Settings(sources=(str(public_clips / name),), **asked)
    found = inputs.find(settings, None, Reporter(quiet=True))
    with inputs.open_item(found.items[0], settings) as source:
        cost = frames_of(found.items[0], settings, source)
        delivered = sum(len(batch) for batch in source.batches(16))
    if name == "bunny.webm":
        assert cost is None  # its header does not say
    else:
        assert cost == pytest.approx(delivered, abs=1)


def test_how_much_faster_several_processes_are():
    assert sped_up(1.0, 4, 8) == 4  # one processor each, and enough of them
    assert sped_up(1.0, 4, 2) == 2
    # one process keeps four fifths of the machine busy
    assert sped_up(1.6, 2, 2) == pytest.approx(1.25)
    assert sped_up(2.0, 2, 2) == 1
    assert sped_up(0.2, 1, 8) == 1


def test_seconds_a_step_and_processors_busy_are_those_of_all_steps_at_once(monkeypatch):
    monkeypatch.setattr(estimate, "_now", lambda: (112.0, 59.0))
    monkeypatch.setattr(estimate.torch, "get_num_threads", lambda: 8)
    # four steps in 12 s by 9 s of processors; two at once would each take .75 of a processor
    assert estimate._since((100.0, 50.0), 4, 1) == (3.0, 0.75)
    assert estimate._since((100.0, 50.0), 4, 2) == (1.5, 1.5)


def cost(settings, monkeypatch, counts=None, most=0):
    costs = [
        Cost("stream", "frames", "frames", 0.1, 1.0),
        Cost("sensitivity", "frames", "perturbed frames", 0.2, 1.0),
        Cost("causes", "pairs", "pairs", 0.3, 2.0),
    ]
    monkeypatch.setattr(estimate, "_measured", lambda *_: costs)
    monkeypatch.setattr(estimate, "_processors", lambda _: 2)
    told = Reporter(quiet=True)
    found = inputs.find(settings, None, told)
    return estimate_cost(settings, STAGES, [model], found, found.items, told, counts, most)


def test_range_and_workers_by_hand(public_clips, monkeypatch):
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


def test_pairs_asked_while_undecided_count_for_the_longer_time(public_clips, monkeypatch):
    settings = Settings(sources=(str(public_clips / "dog.mp4"),), end_s=0.6)
    alone = cost(settings, monkeypatch, Counts(4, 4))
    further = cost(settings, monkeypatch, Counts(4, 4), most=8)
    assert (further.low_s, further.costs) == (alone.low_s, alone.costs)
    # a pair in four is shown once more unchanged: five steps, then ten
    assert further.high_s == pytest.approx(alone.high_s + 1.4 * 5 * 0.3, abs=0.1)
    assert "4 pairs are explained, up to 8 while something is undecided" in further.text
    assert "up to" not in alone.text


def test_more_processes_make_more_of_a_budget(public_clips, monkeypatch):
    sources = tuple(str(public_clips / name) for name in ("dog.mp4", "cars.mp4"))
    alone = cost(Settings(sources=sources, budget="6m"), monkeypatch)
    several = cost(Settings(sources=sources, budget="6m", workers=2), monkeypatch)
    assert several.counts.frames > 1.5 * alone.counts.frames
    assert several.counts.pairs > alone.counts.pairs
    assert several.high_s == pytest.approx(alone.high_s, rel=0.1)


LEAST = Counts(50, 10)
LONG = FootageSize(frames=403, segments=1, is_known=True)
SHORT = FootageSize(frames=40, segments=1, is_known=True)


def test_the_least_samples_are_ten_pairs_and_ten_frames_at_each_of_five_strengths():
    assert least_counts(STAGES.footage, Settings()) == LEAST
    assert least_counts(STAGES.footage, Settings(strengths=0)) == Counts(10, 10)
    assert least_of(POLICY, Settings()) == {"neighbours": 10, "frames": 50, "pairs": 10}


@pytest.mark.parametrize(
    ("room_s", "counts"),
    [
        # a frame takes .5 s and a pair 1 s, so that the least samples take 25 and 10 s; usual are 60 and 24
        (54, Counts(60, 24)),
        (45, Counts(50, 20)),
        # in proportion 44 frames and 17 pairs: the frames get their least, the pairs the rest
        (40, Counts(50, 15)),
        (35, Counts(50, 10)),
        (34, Counts(0, 34)),  # not both: the pairs get all of it
        (10, Counts(0, 10)),
        (9, Counts(0, 0)),
    ],
)
def test_a_budget_goes_to_the_questions_that_it_can_answer(room_s, counts):
    assert spent(100 + room_s, 100, 0.5, 1.0, 1, LEAST) == counts


def test_where_pairs_are_dear_the_frames_get_the_time():
    # 10 pairs of 3 s take 30 s, 50 frames of .1 s take 5 s
    assert spent(120, 100, 0.1, 3.0, 1, LEAST) == Counts(200, 0)
    # both fit into 40 s; in proportion there are 30 frames and 12 pairs
    assert within(140, 100, 0.1, 3.0, 1) == Counts(30, 12)
    assert spent(140, 100, 0.1, 3.0, 1, LEAST) == Counts(50, 11)


def test_what_the_footage_cannot_reach_is_left_out_unless_it_was_asked_for():
    usual = Counts(60, 24)
    assert reachable(usual, LEAST, LONG, Settings()) == usual
    assert reachable(usual, LEAST, SHORT, Settings()) == Counts(0, 24)
    assert reachable(Counts(3, 24), LEAST, SHORT, Settings(frames=3)) == Counts(3, 24)
    tiny = FootageSize(frames=8, segments=1, is_known=True)
    unknown = FootageSize(frames=0, segments=1, is_known=False)
    assert reachable(usual, LEAST, tiny, Settings()) == Counts(0, 0)
    assert reachable(usual, LEAST, unknown, Settings()) == usual


def answered(counts, footage, settings=None, **more):
    found = list(outlooks(STAGES.stages, settings or Settings(), counts, footage, **more))
    five = (Question.STABLE, Question.SENSITIVE, Question.WHY, Question.TRAIN, Question.RULE)
    assert tuple(each.question for each in found) == five
    return {each.question for each in found if each.answerable}


def test_the_five_questions():
    every = {Question.STABLE, Question.SENSITIVE, Question.WHY, Question.TRAIN, Question.RULE}
    assert answered(Counts(60, 24), LONG) == every
    assert answered(Counts(0, 24), SHORT) == {Question.STABLE, Question.WHY, Question.RULE}
    assert answered(Counts(60, 4), LONG) == every - {Question.WHY, Question.TRAIN}
    assert answered(Counts(60, 24), LONG, has_model=False) == {Question.STABLE, Question.RULE}
    assert answered(Counts(0, 0), FootageSize(frames=8, segments=1, is_known=True)) == set()


def test_nothing_is_shared_of_nothing():
    assert shares(0, ["a", "b"], 0) == [0, 0]
