"""The section of measurement systems analysis, from studies of invented verdicts that are really computed."""

import shutil

import numpy as np
import pandas as pd
import pytest

from tests.plugins.gauge.published import AIAG, aiag_attribute, crossed
from tests.stages.report.conftest import Page
from vidrobust.files.json_text import plain
from vidrobust.plugins.gauge.acceptance import judged, load_profile, overall
from vidrobust.plugins.gauge.attributes.attribute import model_and_people
from vidrobust.plugins.gauge.certificate import hashes_of, write_certificate
from vidrobust.plugins.gauge.repeatability_of import by_level
from vidrobust.plugins.gauge.report.certificate_pages import tiles
from vidrobust.plugins.gauge.report.gauge_section import data_table, study_number
from vidrobust.plugins.gauge.report.repeatability_section import (
    section,
    section_of_table,
    write_study,
)
from vidrobust.plugins.gauge.studies import (
    StudyRequest,
    attribute_of,
    gauge_of,
    repeatability_by_operator,
    studies,
)
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report.page import write_report
from vidrobust.text.numbers import number


@pytest.fixture
def studied(made, tmp_path):
    """A copy of the made run with repeatability of 5 parts, 2 stations, 2 passes; part 5 splits."""
    shutil.copytree(made.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    rng = np.random.default_rng(1)
    rows = [
        {
            "part": f"p{part}", "operator": station, "trial": str(trial), "reference": "bad" if part < 3 else "ok",
            "value": "bad" if part < 3 or (part == 5 and station == "north" and trial == 2) else "ok",
            "score": (0.9 if part < 3 else 0.1 * part) + rng.normal(0, 0.02), "level": "dynamic",
            "item": f"{part}{station}{trial}", "model": "net-a",
        }
        for part in range(1, 6) for station in ("north", "south <2>") for trial in (1, 2)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    of = {"rule": "majority", "defect": ("bad",), "tolerance_high": 0.6}
    asked = StudyRequest(profile=load_profile("aiag"), **of)
    attribute, gauge, notes = studies(table, asked, ())
    scores = table.drop(columns="value").rename(columns={"score": "value"})
    verdicts = judged(asked.profile, "attribute", attribute)[0]
    verdicts += judged(asked.profile, "gauge", gauge)[0]
    (folder.path / "grey_zone").mkdir()
    picture = "grey_zone/00_0.jpg"
    shutil.copy(next((folder.path / "moments").glob("*.jpg")), folder.path / picture)
    shots = [{**row, "frame": 3} for row in rows if row["part"] == "p5"]
    for shot in shots[1::2]:
        shot["picture"] = picture
    folder.write_json(
        "repeatability.json",
        {
            "study": "run", "rule": "majority", "rule_in_words": "the class of most frames",
            "defect": ["bad"], "score_of": "probability of bad",
            "attribute": attribute, "gauge": gauge, "by_operator": repeatability_by_operator(scores),
            "people": {"operators": ["south <2>"], "together": model_and_people(table, ["south <2>"])},
            "levels": by_level(table, asked, ()), "per_part": rows, "grey_zone": [{"part": "p5", "shots": shots}],
            "notes": notes, "verdicts": verdicts, "of": "",
        },
    )  # fmt: skip
    return folder


def test_the_section_says_what_was_computed_and_that_its_state_is_past(studied):
    now = section(RunTables(studied.path))
    assert now
    assert not now["stale"]
    assert len(now["pictures"]) == 5
    assert [bool(shot["uri"]) for shot in now["grey"][0]["shots"]] == [False, True, False, True]
    found = studied.read_json("repeatability.json")
    # the number is that of the rows, whether they come from memory or from the file
    assert now["number"] == study_number(pd.DataFrame(found["per_part"]))
    assert len(now["data"]["rows"]) == 5
    studied.note_stage("stability", {"key": "another"})
    page = Page(write_report(studied.path).with_name("details.html").read_text(encoding="utf-8"))
    assert page.balanced
    text = page.sections["repeatability"]
    assert "made anew since" in text
    rule = "one verdict a part and pass: the class of most frames"
    assert f"5 parts, 2 operators, 20 verdicts; {rule}" in text
    assert "1 of 5 parts got more than one verdict" in text
    assert "AIAG, Measurement Systems Analysis" in text
    for verdict in found["verdicts"]:
        limits = verdict["rule"].removeprefix(f"{verdict['quantity']} ")
        assert limits in text or "at least 90 % is acceptable, at least 80 % marginal" in text
    # north called the good part 5 bad in one of its 6 ratings of good parts
    assert "1 of 6" in text
    assert f"%GRR {number(found['gauge']['percent_grr'], 3)} % [" in text
    assert "south <2>" in text
    assert "no picture" in text
    judged_by = "of 5 parts judged by the model and by south <2>"
    assert f"{judged_by}, both sides split on 0, only the model on 1" in text
    assert "dynamic" in text


def test_the_reports_of_tables_hold_what_the_manual_shows(tmp_path):
    asked = StudyRequest(profile=load_profile("aiag"), tolerance_width=8)
    gauge = crossed(AIAG)
    found = plain(gauge_of(gauge, asked))
    html = write_study(tmp_path / "g.html", found, gauge, "micrometer.csv").read_text()
    page = Page(html)
    assert page.balanced
    text = page.sections["repeatability"]
    assert "10 parts, 3 operators, 3 trials, 90 measurements" in text
    assert "%GRR 27.9 % [" in text
    # the manual's charts: 22 of 30 averages beyond their limits, and the range of B on the fourth part
    pictures = section_of_table(plain(gauge_of(gauge, asked)), gauge)["pictures"]
    assert "73 % of the averages lie beyond their limits" in pictures[-1].caption
    assert "Ranges beyond their limits: B on 3;" in pictures[-1].caption
    ratings = aiag_attribute()
    asked = StudyRequest(profile=load_profile("aiag"), defect=("0",))
    found = plain(attribute_of(ratings, asked))
    html = write_study(tmp_path / "a.html", found, ratings, "go-no-go.csv").read_text()
    text = Page(html).sections["repeatability"]
    assert "11 of 50 parts got more than one verdict" in text
    assert "Cochran's Q over operators" in text
    assert "1, 1, 0" in text
    crossed_tables = section_of_table(found, ratings)["crossed"]
    assert [each["counts"] for each in crossed_tables] == [
        [[44, 6], [3, 97]], [[43, 7], [8, 92]], [[42, 5], [9, 94]],
    ]  # fmt: skip


def test_without_the_study_there_is_no_section(made):
    assert section(RunTables(made.path)) is None


def test_a_run_has_a_certificate_and_the_figure_that_decides_is_among_its_six(studied, tmp_path):
    found = studied.read_json("repeatability.json")
    found["overall"] = overall(found)
    head = tmp_path / "study.toml"
    head.write_text('part = "Cap"\n', encoding="utf-8")
    asked = StudyRequest(defect=("bad",), profile=load_profile("aiag"), tolerance_high=0.6)
    weights = hashes_of({"models": [{"name": "net-a", "weights_sha256": "ab12"}], "inputs": []})
    rows = pd.DataFrame(found["per_part"])
    page = tmp_path / "certificate.html"
    assert write_certificate(page, head, found, rows, asked, hashes=weights) == [page]
    summary = page.read_text(encoding="utf-8")
    assert found["overall"]["sentence"].replace(" %", "\u00a0%") in summary.replace("&#39;", "'")
    shown = ("weights of net-a", "ab12", "One verdict a part and pass", "False alarms")
    assert all(each in summary for each in shown)
    six = [(tile.symbol, tile.what) for tile in tiles(found)]
    assert six[:2] == [("%GRR", "of the study variation"), ("ndc", "distinct categories")]
    found["overall"]["quantity"] = "repeatability_sd"
    decided = [(tile.symbol, tile.what) for tile in tiles(found)]
    assert decided[:5] == six[:5]
    assert decided[5] == ("EV", "repeatability, sd")
    assert all(tile.value != "–" for tile in tiles(found))


def test_a_certificate_carries_number_pages_data_and_calibration(tmp_path):
    table, asked = crossed(AIAG), StudyRequest(profile=load_profile("aiag"), tolerance_width=8)
    head, page = tmp_path / "study.toml", tmp_path / "certificate.html"
    text = 'number = "GRR <17>"\ncalibration = "DKD-4711, until 2027-03"\n'
    head.write_text(text, encoding="utf-8")
    write_certificate(page, head, gauge_of(table, asked), table, asked, hashes=[])
    text = page.read_text(encoding="utf-8")
    assert [text.count(f"page {k} of 3") for k in (1, 2, 3)] == [1, 1, 1]
    assert text.count("Study GRR &lt;17&gt;, page") == 3
    assert 'content: "Study GRR 17"' in text
    assert "DKD-4711, until 2027-03" in text
    rows = data_table(table)["rows"]
    assert rows[0] == ["0", "0.29; 0.41; 0.64", "0.08; 0.25; 0.07", "0.04; -0.11; -0.15"]
    assert all(cell in text for row in rows for cell in row)
    # without a number it is that of the data
    head.write_text('part = "Cap"\n', encoding="utf-8")
    write_certificate(page, head, gauge_of(table, asked), table, asked, hashes=[])
    assert study_number(table) in page.read_text(encoding="utf-8")
    assert study_number(table) != study_number(table.assign(value=table["value"] + 0.01))
    # and so is that of the report, which carries the data, its pages and the calibration too
    found = plain(gauge_of(table, asked))
    report = write_study(tmp_path / "r.html", found, table, "aiag.csv").read_text()
    assert [report.count(f"Study {study_number(table)}, page {k} of 2") for k in (1, 2)] == [1, 1]
    assert all(cell in report for row in rows for cell in row)
    assert report.count("certificate number, valid until") == 1
