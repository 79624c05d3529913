"""Curves of sensitivity and the sentence that they lead to, by hand counts."""

import numpy as np
import pandas as pd
import pytest

from tests.stages.answer import made_answers as made
from vidrobust.stages.boxes.section import sensitivity_rows
from vidrobust.stages.sensitivity import section
from vidrobust.stages.sensitivity.changes import Changes, ranked
from vidrobust.stages.sensitivity.statements import statements

NOISE = (5, 2, 2, 3, 1)  # of 12 frames at each of five strengths: 42, 17, 17, 25 and 8.3 %
RISING = (1, 3, 6, 9, 11)  # to 92 %


def changes_of(counts, frames=12, metric="label_flip"):
    """The first so many frames change at each strength; every strength has frames of its own."""
    rows = []
    for name, of_strengths in counts.items():
        for number, count in enumerate(of_strengths):
            for frame in range(frames):
                rows.append(
                    {
                        "model": "net",
                        "item": "a",
                        "frame": 25 * (frame * len(of_strengths) + number),
                        "perturbation": name,
                        "strength": 0.1 * (number + 1),
                        "draw": 0,
                        "metric": metric,
                        "value": float(frame < count),
                    }
                )
    return pd.DataFrame(rows)


def run_of(folder, table, task="classification"):
    return made.run(folder, tables={"sensitivity": table}, task=task)


def said(run):
    (statement,) = statements(run)
    return statement


def test_strengths_with_few_frames_are_told_as_a_range(
    tmp_path,
):
    """Five frames a strength: the two strongest make ten, the others fifteen, of which eight change."""
    table = changes_of({"gamma": (1, 2, 5, 5, 5)}, frames=5)
    text = said(run_of(tmp_path / "run", table)).text
    assert text.startswith(
        "A gamma change of 10 to 30 % (3 strengths together) changes the label in 53 %"
    )


def test_what_rises_with_strength_comes_before_what_falls():
    table = changes_of({"salt_pepper": NOISE, "scale": RISING})
    curves = Changes(table, ("label_flip",), {}).curves()
    first, second = ranked(curves)
    assert (first.perturbation, second.perturbation) == ("scale", "salt_pepper")
    assert [step.share.value for step in first.steps] == [n / 12 for n in RISING]
    # every strength of the other is less than the mean of those before: one step, 13 of 60 frames
    (step,) = second.steps
    assert (step.share.value, step.share.n, len(step.strengths)) == (13 / 60, 60, 5)
    assert first.p < 1e-5
    assert second.p > 0.9


def test_a_fall_is_joined_and_a_tie_is_not():
    (curve,) = Changes(changes_of({"hue": (3, 6, 6, 9, 5)}), ("label_flip",), {}).curves()
    # 9 and 5 of 12 are 14 of 24
    steps = [(len(s.strengths), s.share.value) for s in curve.steps]
    assert steps == [(1, 0.25), (1, 0.5), (1, 0.5), (2, 14 / 24)]


def test_what_changes_everything_at_once_need_not_rise():
    table = changes_of({"scale": RISING, "defocus": (12, 12, 12, 12, 12), "hue": (0, 0, 0, 0, 0)})
    curves = Changes(table, ("label_flip",), {}).curves()
    assert [curve.perturbation for curve in ranked(curves)] == ["defocus", "scale"]
    assert curves[1].first.strengths == (0.1,)


def test_few_frames_are_taken_together(tmp_path):
    """Four frames at each of five strengths; at the three strongest half of the boxes are lost."""
    table = changes_of({"shear": (0, 0, 2, 2, 2)}, frames=4, metric="lost")
    (curve,) = Changes(table, ("lost", "renamed"), {}).curves()
    # from the strongest on: 12 frames with 6 changed; the 8 that are left join them
    assert [(len(s.strengths), s.share.n, s.share.value) for s in curve.pools] == [(5, 20, 0.3)]
    run = run_of(tmp_path, table, task="detection")
    found = said(run)
    assert (found.kind, found.n, found.value) == ("sensitivity", 20, 0.3)
    (row,) = sensitivity_rows(run)
    assert (row["lost"], row["n"]) == ("30 to 30 %", "20")


def test_what_has_too_few_frames_is_named_and_leaves_the_question_open(tmp_path):
    shear = changes_of({"shear": (1, 1, 1)}, frames=3, metric="lost")
    mirrored = changes_of({"horizontal_flip": (0,)}, frames=400, metric="lost")
    mirrored["item"] = [f"clip {number % 200}" for number in range(400)]
    found = said(run_of(tmp_path, pd.concat([shear, mirrored]), task="detection"))
    assert (found.kind, found.n, found.is_open) == ("sensitivity_small", 400, True)
    assert "shear (at most 9 each" in found.text
    assert said(run_of(tmp_path, mirrored, task="detection")).kind == "sensitivity_none"


def test_answer_page_and_details_give_one_interval(tmp_path):
    run = run_of(tmp_path, changes_of({"scale": (5, 9, 11)}))
    found, summary = said(run), section.summary(run)
    flips = summary.table[summary.table["metric"] == "label_flip"].iloc[0]
    assert (found.value, found.low, found.high, found.n) == (*flips[["value", "low", "high"]], 12)
    shown = section.rows(summary)[0]["label_flip"]
    (words,) = section.in_words(run, summary)
    assert str(shown) in found.text
    assert str(shown) in words.sentences[0]
    assert str(shown).startswith("42 % [")


def test_draws_of_a_frame_are_averaged():
    table = changes_of({"hue": (6,)})
    both = pd.concat([table, table.assign(draw=1, value=1.0)])
    share = Changes(both, ("label_flip",), {}).share(np.arange(12))
    assert (share.value, share.n) == (pytest.approx(0.75), 12)
