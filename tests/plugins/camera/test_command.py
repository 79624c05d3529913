"""``vidrobust camera`` on real clips, whose findings were judged by eye first, and its limits."""

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from vidrobust.cli.app import cli
from vidrobust.errors import SettingsError
from vidrobust.plugins.camera.answer import by_cost, passages
from vidrobust.plugins.camera.costs import Cost
from vidrobust.plugins.camera.diagnose import Diagnosis
from vidrobust.plugins.camera.finding import Finding, Found, judged
from vidrobust.tables import schema


def asked(clip, *options):
    result = CliRunner().invoke(cli, ["camera", str(clip), "--json", *options])
    assert result.exit_code == 0, result.output
    return {row["finding"]: row for row in json.loads(result.stdout)}


# docs/questions/camera.md: what was seen by eye, and what was not
@pytest.mark.parametrize(
    ("clip", "there", "absent"),
    [
        (
            "flour_bag_conveyor_output.gif",
            ["clipped"],
            ["vibration", "mount_drift", "white_balance"],
        ),
        ("intel_preview_bolt-multi-size-detection.gif", ["exposure"], ["clipped", "crushed"]),
        (
            "intel_preview_fruit-and-vegetable-detection.gif",
            ["white_balance"],
            ["vibration", "clipped"],
        ),
        ("intel_preview_worker-zone-detection.gif", ["mount_drift"], ["clipped"]),
    ],
)
def test_findings_are_those_that_the_eye_saw(corpus, clip, there, absent):
    rows = asked(corpus / "factory" / clip)
    assert [rows[name]["level"] for name in there] == ["found"] * len(there)
    assert "found" not in [rows[name]["level"] for name in absent]
    for row in rows.values():
        assert row["level"] != "cannot tell" or row["text"].startswith("record ")
        assert row["level"] != "found" or row["n"] > 0


def test_static_patches_confirm_the_step_of_exposure_that_the_eye_missed(corpus):
    # mean levels of the ground at rest (rows 290 to 330, columns 60 to 130) fall from 59.1 to 55.4 at the end: 6 %
    row = asked(corpus / "factory" / "flour_bag_conveyor_output.gif")["exposure"]
    assert row["level"] == "found"
    assert 0.04 < row["value"] < 0.07


def test_limits_end_in_exit_codes_a_table_a_page_and_junit(corpus, tmp_path):
    clip = str(corpus / "factory" / "intel_preview_bolt-multi-size-detection.gif")
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    arguments = ["camera", clip, "--out", str(out), "--junit", str(junit), "--limit"]
    failed = CliRunner().invoke(cli, [*arguments, "exposure=5%", "--limit", "clipped=20%"])
    assert failed.exit_code == 1
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert CliRunner().invoke(cli, [*arguments, "clipped=20%"]).exit_code == 0
    assert (
        CliRunner().invoke(cli, [*arguments, "shift=0.3px"]).exit_code == 2
    )  # nothing at rest in view
    table = schema.read("camera", out)
    assert {"lamp", "exposure", "dust", "range"} <= set(table["finding"])
    assert table["level"].iloc[0] == "found"
    page = (out / "camera.html").read_text(encoding="utf-8")
    assert "ExposureAuto=Off" in page
    assert "AeEnable=False" in page


def diagnosis(*findings):
    return Diagnosis(item="clip", findings=findings, lamp=None, dust=None)


def test_a_limit_passes_below_its_interval_fails_above_it_and_is_open_between():
    clip = diagnosis(
        judged("lamp", 0.02, 0.018, 0.022, 100), judged("exposure", 0.01, 0.0, 0.015, 100)
    )
    outcomes = [passages([f"light={limit}"], [clip])[0].outcome for limit in ("3%", "1%", "0.02")]
    assert outcomes == ["passed", "failed", "not computed"]
    with pytest.raises(SettingsError, match="expected NAME=VALUE"):
        passages(["light"], [])
    with pytest.raises(SettingsError, match="no finding 'ligth'"):
        passages(["ligth=1%"], [])


def test_with_a_model_the_dearest_finding_is_the_first():
    clip = diagnosis(
        judged("exposure", 0.5, 0.4, 0.6, 100),
        judged("vibration", 0.2, 0.15, 0.25, 100),
        Finding(name="noise", level=Found.NOT_FOUND, value=1.0, low=0.9, high=1.1, n=100),
    )
    assert [f.name for f, _ in by_cost(clip, {})] == ["exposure", "vibration", "noise"]
    causes = {"light": 1.0, "camera": 3.0, "noise_and_coding": 9.0}
    costs = {name: Cost(cause=name, share=0.1, flips_due=due) for name, due in causes.items()}
    assert [f.name for f, _ in by_cost(clip, costs)] == ["vibration", "exposure", "noise"]
