"""correlation.json is read as it was written."""

import json
import math

import pytest

from vidrobust.errors import InputError
from vidrobust.files.json_text import json_text
from vidrobust.stages.correlate.studies import Conclusions, StudyConclusion
from vidrobust.stages.correlate.study import Group

STUDY = StudyConclusion(
    across="clips",
    model="net",
    notes=("reversed",),
    groups=(Group(members=("hue", "saturation"), name="hue", weakest=0.9, weakest_low=math.nan),),
)


def test_it_is_read_as_it_was_written():
    conclusions = Conclusions(studies=(STUDY,), left_out=("across models: one model",))
    text = json_text(conclusions.to_dict())
    found = Conclusions.of(json.loads(text))
    read = found.study("clips", "net")
    assert read.notes == STUDY.notes
    assert read.groups[0].members == ("hue", "saturation")
    assert math.isnan(read.groups[0].weakest_low)
    assert found.left_out == ("across models: one model",)
    assert found.study("frames", "net") == StudyConclusion(across="frames", model="net")


@pytest.mark.parametrize(
    "content", [{"schema": 2}, {"studies": [{"model": "net"}]}, {"studies": 3}]
)
def test_other_content_is_an_error(content):
    with pytest.raises(InputError, match=r"run/correlation\.json"):
        Conclusions.of(content, "run/correlation.json")
