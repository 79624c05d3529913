"""What page one proposes: the rule that helped where it was not chosen, then what else surely helped."""

from __future__ import annotations

from vidrobust.stages.remedies.section import RemedyPage
from vidrobust.stages.remedies.titles import held_out, sentence
from vidrobust.stages.report.actions import _of_remedies

SUMMARY = {
    "rule": "majority-5",
    "verdict": "helps",
    "max_delay_ms": 200.0,
    "chosen_on_halves": ["majority-5", "majority-3"],
    "held_out": {"before": 0.22, "after": 0.044, "ratio": 0.2, "low": 0.1, "high": 0.4, "n": 90},
}


def row(title: str, chip: str) -> dict[str, str]:
    return {
        "title": title,
        "chip": chip,
        "before": "22 %",
        "after": "1 %",
        "ratio": "5 % [2, 9]",
        "price": "none",
    }


def page(model: str, rule: tuple[str, str] | None) -> RemedyPage:
    shown = [row("vote", "neutral"), row("steady camera", "good"), row("less noise", "good")]
    return RemedyPage(model, "label flips", "", shown, [], rule)


def test_the_recommended_rule_comes_first_with_its_figure_from_the_other_half() -> None:
    found = _of_remedies([page("a", ("vote", "label changes 22 % → 4.4 %")), page("b", None)])
    assert [each.what for each in found] == [
        "Decide over several frames: vote (a)", "Steady camera (a)", "Steady camera (b)", "Less noise (b)",
    ]  # fmt: skip
    assert found[0].why == "label changes 22 % → 4.4 %"
    assert {each.basis for each in found} == {"measured"}


def test_a_recommended_rule_is_not_named_twice() -> None:
    found = _of_remedies([page("a", ("steady camera", "label changes 22 % → 4.4 %"))])
    assert [each.what for each in found] == [
        "Decide over several frames: steady camera",
        "Less noise",
    ]


def test_the_figure_is_of_the_half_that_did_not_choose() -> None:
    said = "label changes 22 % → 4.4 %, 20 % [10, 40] remain, on the half that did not choose it"
    assert held_out(SUMMARY, "flip_rate") == said
    assert said in sentence(SUMMARY, "flip_rate")
    undecided = sentence(SUMMARY | {"verdict": "cannot tell"}, "flip_rate")
    assert undecided == f"none within 200 ms is shown to help; nearest is majority-5: {said}"


def test_too_few_clusters_have_no_held_out_figure() -> None:
    nothing = dict.fromkeys(("before", "after", "ratio", "low", "high"), float("nan"))
    summary = {"held_out": nothing | {"n": 0}, "verdict": "cannot tell", "why": "few_clusters"}
    assert "%" not in held_out(SUMMARY | summary, "flip_rate")
