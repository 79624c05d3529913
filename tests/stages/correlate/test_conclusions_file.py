"""correlation.json is read as it was written, and what is none is said."""

from __future__ import annotations

import json
import math

import pytest

from vidrobust.errors import InputError
from vidrobust.files.json_text import json_text
from vidrobust.stages.correlate.conclusions_file import (
    Conclusions,
    GroupConclusion,
    StudyConclusion,
    TogetherConclusion,
)

STUDY = StudyConclusion(
    across="clips",
    model="net",
    headline="No proxy",
    sentences={"hue": "no evidence; ..."},
    groups=(GroupConclusion(members=("hue", "saturation"), name="hue", weakest=0.9, weakest_low=math.nan),),
    together=TogetherConclusion(verdict="cannot tell", sentence="...", gain=math.nan, n=8, clusters=4),
)


def test_it_is_read_as_it_was_written_with_none_for_what_is_no_number() -> None:
    text = json_text(Conclusions(studies=(STUDY,), left_out=("across models: one model",)).to_dict())
    found = Conclusions.of(json.loads(text))
    read = found.study("clips", "net")
    assert (read.headline, read.sentences) == (STUDY.headline, STUDY.sentences)
    assert read.groups[0].members == ("hue", "saturation")
    assert read.groups[0].weakest_low is None
    assert read.together is not None
    assert (read.together.gain, read.together.clusters) == (None, 4)
    assert found.left_out == ("across models: one model",)
    assert found.study("frames", "net") == StudyConclusion(across="frames", model="net")


@pytest.mark.parametrize("content", [{"schema": 2}, {"studies": [{"model": "net"}]}, {"studies": 3}])
def test_what_is_none_is_said(content: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"run/correlation.json: (schema 2 is not known|is not the)"):
        Conclusions.of(content, "run/correlation.json")
