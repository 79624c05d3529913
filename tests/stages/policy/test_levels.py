"""The level of evidence of a step, and that only what was tried or found again gets into the exported files."""

import json

import pytest

from vidrobust.errors import InputError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.stages.policy.exports import write
from vidrobust.stages.policy.exports.rendered import Export
from vidrobust.stages.policy.exports.write import PolicyFormat, formats, with_levels, write_all
from vidrobust.stages.policy.policy import Policy, PolicyStep, StepEvidence
from vidrobust.statement import Level

AGAIN = {"replication_tested": 5, "replication_found": 4}


def step(name="brightness", low=-0.2, high=0.2, **evidence):
    return PolicyStep(
        perturbation=name,
        family="light",
        unit="relative gain",
        low=low,
        high=high,
        probability=0.5,
        evidence=StepEvidence(**evidence),
    )


def policy(*steps, **measured):
    return Policy(steps=steps, model="net", image_size=(480, 640), measured=measured)


@pytest.mark.parametrize(
    ("found", "measured", "level"),
    [
        (step(**AGAIN), {}, Level.REPLICATED),
        (step(), {}, Level.SUGGESTED),  # not tested on other footage
        (step(**AGAIN, flips_due=6.4, flips_replayed=12), {}, Level.REPLICATED),
        (step(**AGAIN, flips_due=0.4, flips_replayed=2), {}, Level.SUGGESTED),  # about 0 of 2 flips
        (
            step(**AGAIN, flips_due=0.0, flips_replayed=0),
            {},
            Level.REPLICATED,
        ),  # no flip was replayed
        (step(low=0.1, high=0.1, **AGAIN), {}, Level.SUGGESTED),  # no width
        (step("h264", low=2.0, high=10.0, **AGAIN), {}, Level.SUGGESTED),  # no library has it
        (step(), {"verdict": "helps"}, Level.TRIED),
        (step(low=0.1, high=0.1), {"verdict": "helps"}, Level.SUGGESTED),
        (step(**AGAIN), {"verdict": "does not"}, Level.NO_EFFECT),
        (step(**AGAIN), {"verdict": "cannot tell"}, Level.REPLICATED),
    ],
)
def test_the_level_follows_from_the_evidence(found, measured, level):
    before_after = {"before": 0.2, "after": 0.1, "ratio": 0.5, **measured} if measured else {}
    assert with_levels(policy(found, **before_after)).steps[0].level is level


def test_formats_declare_what_they_cannot_hold(monkeypatch):
    """Whatever the file says of it, in words of its own."""

    def render(policy):
        return Export(name="plain.txt", text="", not_expressed=("no light in plain text",))

    for why, level in (("no light", Level.SUGGESTED), ("", Level.REPLICATED)):
        plain = PolicyFormat("plain.txt", render, lambda policy, step, why=why: why)
        monkeypatch.setattr(write, "formats", lambda plain=plain: (plain,))
        assert with_levels(policy(step(**AGAIN))).steps[0].level is level


@pytest.mark.parametrize("format_", formats(), ids=lambda each: each.name)
def test_what_a_format_declares_is_what_its_file_lists(format_):
    for name, perturbation in PERTURBATIONS.items():
        each = step(name, 0.0, max(perturbation.strengths), level=Level.REPLICATED)
        for size in ((480, 640), None):
            of_size = Policy(steps=(each,), image_size=size)
            why = format_.lacks(of_size, each)
            listed = [s for s in format_.render(of_size).not_expressed if why and why in s]
            assert bool(listed) == bool(why), (name, size)


@pytest.mark.parametrize("size", [[512], 512, ["wide", "tall"]])
def test_a_policy_with_another_size_of_images_is_refused(size):
    content = Policy(model="net").to_dict() | {"image_size": size}
    with pytest.raises(InputError, match="is not a policy of this version"):
        Policy.from_json(json.dumps(content))


def test_a_policy_of_an_earlier_version_has_suggestions_only():
    assert step().level is Level.SUGGESTED


def test_only_what_was_tried_or_found_again_is_exported(tmp_path):
    both = policy(step(**AGAIN), step("contrast"))
    write_all(both, tmp_path)
    written = json.loads((tmp_path / "policy.json").read_text())
    levels = {k: [e["evidence"]["level"] for e in written[k]] for k in ("steps", "suggested")}
    assert levels == {"steps": ["replicated"], "suggested": ["suggested"]}
    assert "brightness=" in (tmp_path / "policy_torchvision.py").read_text()
    assert "contrast=" not in (tmp_path / "policy_torchvision.py").read_text()
    # named as worth trying
    assert all("contrast" in each.render(with_levels(both)).text for each in formats())
    assert Policy.read(tmp_path / "policy.json").actions[0].perturbation == "brightness"
