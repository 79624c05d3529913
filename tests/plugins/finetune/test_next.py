"""The last line of adapt: the command that studies the new weights and compares."""

import shlex
from pathlib import Path

from vidrobust.plugins.finetune.study import next_command


def test_the_next_command_studies_the_same_footage_and_compares():
    said = next_command(
        Path("reports/line"), ["a b.mp4"], "timm:net,weights=reports/line/adapt/chosen.pt"
    )
    study, compare = said.split(" && ")
    assert shlex.split(study) == [
        "vidrobust", "study", "a b.mp4", "--model", "timm:net,weights=reports/line/adapt/chosen.pt",
        "--out", "reports/line-adapted",
    ]  # fmt: skip
    assert shlex.split(compare) == ["vidrobust", "compare", "reports/line", "reports/line-adapted"]


def test_weights_that_no_spec_loads_have_none():
    assert next_command(Path("reports/line"), ["a.mp4"], "") == ""
