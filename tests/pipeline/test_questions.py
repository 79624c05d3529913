"""Which questions footage and time can answer, and how a budget is spent on them: sums by hand."""

from __future__ import annotations

import pytest

from vidrobust.pipeline.estimate import Counts, least_counts, shares, spent, within
from vidrobust.pipeline.questions import Footage, least_of, outlooks, reachable
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.stage import POLICY
from vidrobust.statement import Question

LEAST = Counts(50, 10)
LONG = Footage(frames=403, segments=1, is_known=True)
SHORT = Footage(frames=40, segments=1, is_known=True)


def test_the_least_samples_are_ten_pairs_and_ten_frames_at_each_of_five_strengths() -> None:
    assert least_counts(STAGES.footage, Settings()) == LEAST
    assert least_counts(STAGES.footage, Settings(strengths=0)) == Counts(10, 10)
    assert least_of(POLICY, Settings()) == {"neighbours": 10, "frames": 50, "pairs": 10}


@pytest.mark.parametrize(
    ("room_s", "counts"),
    [
        # a frame takes .5 s and a pair 1 s, so that the least samples take 25 and 10 s; usual are 60 and 24
        (54, Counts(60, 24)),
        (45, Counts(50, 20)),
        (
            40,
            Counts(50, 15),
        ),  # in proportion 44 frames and 17 pairs: the frames get their least, the pairs the rest
        (35, Counts(50, 10)),
        (34, Counts(0, 34)),  # not both: the pairs get all of it
        (10, Counts(0, 10)),
        (9, Counts(0, 0)),
    ],
)
def test_a_budget_goes_to_the_questions_that_it_can_answer(room_s: float, counts: Counts) -> None:
    assert spent(100 + room_s, 100, 0.5, 1.0, 1, LEAST) == counts


def test_where_pairs_are_dear_the_frames_get_the_time() -> None:
    # 10 pairs of 3 s take 30 s, 50 frames of .1 s take 5 s
    assert spent(120, 100, 0.1, 3.0, 1, LEAST) == Counts(200, 0)
    # both fit into 40 s; in proportion there are 30 frames and 12 pairs
    assert within(140, 100, 0.1, 3.0, 1) == Counts(30, 12)
    assert spent(140, 100, 0.1, 3.0, 1, LEAST) == Counts(50, 11)


def test_what_the_footage_cannot_reach_is_left_out_unless_it_was_asked_for() -> None:
    usual = Counts(60, 24)
    assert reachable(usual, LEAST, LONG, Settings()) == usual
    assert reachable(usual, LEAST, SHORT, Settings()) == Counts(0, 24)
    assert reachable(Counts(3, 24), LEAST, SHORT, Settings(frames=3)) == Counts(3, 24)
    tiny, unknown = (
        Footage(frames=8, segments=1, is_known=True),
        Footage(frames=0, segments=1, is_known=False),
    )
    assert reachable(usual, LEAST, tiny, Settings()) == Counts(0, 0)
    assert reachable(usual, LEAST, unknown, Settings()) == usual


def answered(counts: Counts, footage: Footage, settings: Settings | None = None, **more: bool) -> set[str]:
    found = list(outlooks(STAGES.stages, settings or Settings(), counts, footage, **more))
    assert [each.question for each in found] == [
        *(Question.STABLE, Question.SENSITIVE, Question.WHY, Question.TRAIN, Question.RULE)
    ]
    return {each.question for each in found if each.answerable}


def test_the_five_questions() -> None:
    every = {Question.STABLE, Question.SENSITIVE, Question.WHY, Question.TRAIN, Question.RULE}
    assert answered(Counts(60, 24), LONG) == every
    assert answered(Counts(0, 24), SHORT) == {Question.STABLE, Question.WHY, Question.RULE}
    assert answered(Counts(60, 4), LONG) == every - {Question.WHY, Question.TRAIN}
    assert answered(Counts(60, 24), LONG, has_model=False) == {Question.STABLE, Question.RULE}
    assert answered(Counts(0, 0), Footage(frames=8, segments=1, is_known=True)) == set()


def test_nothing_is_shared_of_nothing() -> None:
    assert shares(0, ["a", "b"], 0) == [0, 0]
