"""The commands on tables without video, as a user calls them."""

import json
from xml.etree import ElementTree

import click
import pandas as pd
import pytest

from tests.pipeline.conftest import run
from tests.plugins.gauge.published import AIAG, HOUF_BERMAN, crossed, judged_twice
from tests.plugins.gauge.test_msa_family import NESTED_BATCHES, of_operators
from vidrobust.cli.runs import gate
from vidrobust.plugins.comparison.command import compare
from vidrobust.plugins.gauge.commands import repeatability
from vidrobust.plugins.gauge.plan_command import plan


@pytest.fixture
def gauge(tmp_path):
    path = tmp_path / "gauge.csv"
    crossed(AIAG).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def told(printed):
    """told(code, *arguments): what ``repeatability`` prints where it ends with this exit code."""
    return lambda code, *arguments: printed(code, "repeatability", *arguments)


@pytest.fixture
def attribute(tmp_path):
    path = tmp_path / "attribute.csv"
    judged_twice().rename(columns=str.title).to_csv(path, index=False)
    return str(path)


def test_a_gauge_study_has_the_keys_of_the_contract(gauge, told):
    found = json.loads(told(0, "--gauge", gauge, "--json").out)
    sds = {f"{name}_sd" for name in ("repeatability", "reproducibility", "grr", "part", "total")}
    assert sds | {"percent_grr", "ndc", "components"} <= set(found)
    assert found["percent_grr"] == pytest.approx(27.86, abs=5e-3)
    assert found["percent_tolerance"] is None
    # 27.86 % [15, 80], ndc 4
    assert [v["verdict"] for v in found["verdicts"]] == ["not shown", "not shown"]
    assert "AIAG" in found["verdicts"][0]["source"]


def test_a_gauge_study_in_words(gauge, told):
    summary = told(0, "--gauge", gauge, "--tolerance-low=-4", "--tolerance-high=4").out
    assert "%GRR 27.86 % [15.33, 80.47] of the study variation" in summary
    assert "22.68 % of the tolerance of 8" in summary


def test_only_passing_or_failing_counts(tmp_path, told):
    # A calls the dent a scratch: another class, but a defect all the same
    path = tmp_path / "t.csv"
    rows = "1,A,1,scratch,dent\n1,B,1,dent,dent\n2,A,1,ok,ok\n2,B,1,ok,ok\n"
    path.write_text(f"part,operator,trial,value,reference\n{rows}")
    command = ("--attribute", str(path), "--defect", "dent,scratch", "--json")
    by_class = json.loads(told(0, *command).out)["against_reference"]["operators"]["A"]
    summary = json.loads(told(0, *command, "--pass-fail").out)
    by_outcome = summary["against_reference"]["operators"]["A"]
    assert (by_class["effectiveness"]["count"], by_outcome["effectiveness"]["count"]) == (1, 2)
    assert by_class["miss_rate"] == by_outcome["miss_rate"]
    assert (summary["classes"], summary["grey_zone"]["parts"]) == (["defect", "good"], [])
    assert "--pass-fail needs --defect" in told(2, "--attribute", path, "--pass-fail").err


def test_an_attribute_study_has_the_keys_of_the_contract(attribute, told):
    found = json.loads(told(0, "--attribute", attribute, "--defect", "bad", "--json").out)
    assert found["within_operator"]["A"]["agreement"]["count"] == 9
    assert found["between_operators"]["fleiss_kappa"]["value"] < 1
    against = found["against_reference"]["operators"]
    assert (against["A"]["miss_rate"]["count"], against["B"]["false_alarm_rate"]["count"]) == (1, 2)
    judged = {v["quantity"] for v in found["verdicts"]}
    assert judged == {"effectiveness", "miss_rate", "false_alarm_rate", "kappa"}
    assert "effectiveness 90 %" in told(0, "--attribute", attribute).out


def test_a_profile_of_ones_own(gauge, tmp_path, told):
    profile = tmp_path / "ours.toml"
    rule = '[[rule]]\nstudy = "gauge"\nquantity = "percent_grr"\nbetter = "lower"\naccept = 90\n'
    profile.write_text(f'name = "ours"\nsource = "agreed with the customer"\n{rule}')
    ours = ("--gauge", gauge, "--profile", profile)
    (verdict,) = json.loads(told(0, *ours, "--json").out)["verdicts"]
    assert verdict["verdict"] == "acceptable"  # [15, 80]
    assert verdict["source"] == "ours: agreed with the customer"
    for text, message in (
        (rule.replace("accept = 90\n", ""), "accept is missing"),
        (rule + "marginal = 20\n", "stricter than accept"),
        (rule + "[minimum.gauge]\nrooms = 3\n", "unknown minimum of 'gauge'"),
        (rule + "limit = 20\n", "unknown key limit"),
        (rule.replace("percent_grr", "percent_gr"), "do you mean percent_grr?"),
        ("name = 'x'\n", r"at least one \[\[rule\]\]"),
    ):
        profile.write_text(text)
        assert message.replace("\\", "") in told(2, *ours).err


def test_gates_on_the_figures_of_a_gauge_study(gauge, tmp_path, told):
    command, junit = ("--gauge", gauge), tmp_path / "gates.xml"
    passed = told(0, *command, "--fail-if", "percent_grr > 30", f"--junit={junit}").err
    assert "passed: percent_grr of the gauge is 27.86" in passed
    case = ElementTree.fromstring(junit.read_text()).find("testcase")
    assert (case.get("classname"), case.get("name")) == ("gauge.the gauge", "percent_grr > 30")
    summary = told(1, *command, "--fail-if", "percent_grr.high > 30", "--json", "-q")
    assert "failed: percent_grr.high of the gauge is 80" in summary.err
    assert json.loads(summary.out)["ndc"] == 4  # what is printed is the study, and it alone
    config = tmp_path / "vidrobust.toml"
    config.write_text(f'fail_if = ["ndc < 5", "flip_rate > 0.02"]\nout = "{tmp_path / "o"}"\n')
    lacking = told(2, *command, "--config", config, f"--junit={junit}").err
    assert "0.02: was not computed; computed are repeatability_sd, " in lacking
    root = ElementTree.fromstring(junit.read_text())
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "1")
    # the run folder of footage is no place for the page of a table
    assert not (tmp_path / "o").exists()
    told(2, *command, "--fail-if", "percent_tolerance > 30")
    told(0, *command, "--fail-if", "percent_tolerance > 30", "--tolerance=8")
    told(2, *command, "--fail-if", "percent_grr is bad")


def test_gates_on_the_figures_of_an_attribute_study(attribute, tmp_path, told):
    command = ("--attribute", attribute, "--defect", "bad", "-q")
    told(0, *command, "--fail-if", "fleiss_kappa < 0.5", "--fail-if", "effectiveness < 0.8")
    summary = told(1, *command, "--fail-if", "effectiveness.low < 0.9").err.splitlines()
    failed = [f"failed: effectiveness.low of {name}" for name in "AB"]
    assert [line[: line.index(" is ")] for line in summary] == failed
    two = ("--fail-if", "fleiss_kappa < 0.5", "--fail-if", "percent_grr > 30")
    lacking = "was not computed; computed are within_operator.agreement,"
    assert lacking in told(2, *command, *two).err


def test_what_is_wrong_is_said_with_its_line(tmp_path, told):
    path = tmp_path / "bad.csv"
    table = crossed(HOUF_BERMAN).astype({"value": object})
    table.loc[4, "value"] = "12 mm"
    table.to_csv(path, index=False)
    assert "line 6: value '12 mm' is no number" in told(3, "--gauge", path).err
    table.drop(columns="part").to_csv(path, index=False)
    assert "column part is missing" in told(3, "--gauge", path).err
    path.write_text("part,operator,trial,value\n1,A,1,inf\n1,A,2,1\n2,A,1,2\n2,A,2,3\n")
    assert "line 2: value 'inf' is no number" in told(3, "--gauge", path).err
    told(3, "--gauge", tmp_path / "none.csv")
    told(2)
    told(2, "--gauge", path, "--tolerance", "-1")


def test_the_certificate_says_what_the_console_says(gauge, tmp_path, told):
    head = tmp_path / "study.toml"
    head.write_text('part = "Cap <4711>"\nunit = "mm"\nby = "M. Huber"\n')
    made = ("--gauge", gauge, "--tolerance", "8", "--certificate", str(head))
    printed = told(0, *made, "--paper", "Letter", "--export", str(tmp_path / "t.csv")).out
    sentence = printed.splitlines()[0]
    page = (tmp_path / "study-certificate.html").read_text()
    assert sentence.startswith("Not shown: ")
    assert sentence.replace("&", "&amp;").replace(" %", "\u00a0%") in page
    shown = ("Cap &lt;4711&gt;", "M. Huber", "size: Letter", "B repeats less well")
    assert all(each in page for each in shown)
    written = pd.read_csv(tmp_path / "t.csv")
    assert list(written) == ["part", "operator", "trial", "value"]
    told(2, *made, "--export", tmp_path / "t.json")
    assert written["value"].tolist() == crossed(AIAG)["value"].tolist()
    head.write_text('prat = "x"\n')
    assert "there is no field 'prat'; do you mean part?" in told(2, *made).err


def test_a_german_table_and_names_that_differ_by_case(tmp_path, told):
    path = tmp_path / "t.csv"
    table = crossed(AIAG)
    table["operator"] = table["operator"].replace("B", "Jürgen")
    table["value"] = table["value"].map(lambda v: f"{v:.2f}".replace(".", ","))
    table.columns = ["Teil", "Prüfer", "Wiederholung", "Messwert"]
    path.write_bytes(table.to_csv(index=False, sep=";").encode("cp1252"))
    summary = told(0, "--gauge", path).out
    assert "%GRR 27.86 % [15.3" in summary or "%GRR 27.86" in summary
    assert "read as Windows-1252" in summary
    said = tmp_path / "s.csv"
    rows = "1,A,1,yes,Yes\n1,A,2,yes,Yes\n2,A,1,no,No\n2,A,2,,No\n"
    said.write_text(f"part,operator,trial,value,reference\n{rows}")
    assert "--case same" in told(3, "--attribute", said).err
    found = json.loads(told(0, "--attribute", said, "--case", "same", "--json").out)
    assert found["against_reference"]["operators"]["A"]["effectiveness"]["count"] == 2
    assert found["dropped_lines"] == [5]
    assert "1 blank value left out: line 5" in found["notes"]


def test_values_that_never_vary_get_no_verdict(tmp_path, told):
    path = tmp_path / "constant.csv"
    crossed(AIAG).assign(value=5.0).to_csv(path, index=False)
    summary = told(0, "--gauge", path, "--tolerance", "2", "--process-sd", "1").out
    assert summary.startswith("No verdict: all values are the same, and what never varies")
    assert "interaction pooled with repeatability: nothing varies" in summary


def test_a_study_that_looks_nested_is_doubted_in_its_sentence(tmp_path, told):
    path = tmp_path / "nested.csv"
    of_operators(NESTED_BATCHES).to_csv(path, index=False)
    assert "Doubtful: parts of one name differ" in told(0, "--gauge", path).out.splitlines()[0]
    assert "Doubtful" not in told(0, "--gauge", path, "--design", "nested").out


def test_references_in_other_words_than_the_verdicts(tmp_path, told):
    path = tmp_path / "said.csv"
    rows = "1,A,1,yes,gut\n1,A,2,yes,gut\n2,A,1,no,schlecht\n2,A,2,no,schlecht\n"
    path.write_text(f"part,operator,trial,value,reference\n{rows}")
    assert "references gut and schlecht, verdicts no and yes." in told(3, "--attribute", path).err
    path.write_text(f"part,operator,trial,value,reference\n{rows}".replace("gut", "yes"))
    assert "no verdict is schlecht, though references are" in told(0, "--attribute", path).out


def test_plans_are_reported(capsys):
    assert run("plan", "kappa", "--kappa", "0.8", "--half-width", "0.1") == 0
    assert "parts, each rated by 3 operators in 2 trials" in capsys.readouterr().out
    assert run("plan", "flip-rate", "--rate", "0.02", "--half-width", "0.005") == 0
    assert "To see 2 % ± 0.5 % you need about" in capsys.readouterr().out
    assert run("plan", "gauge", "--percent-grr", "20", "--half-width", "12", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["operators"] >= 2
    assert run("plan", "gauge", "--percent-grr", "20", "--half-width", "0.1") == 2
    assert run("plan", "flip-rate", "--rate", "2", "--half-width", "0.005") == 2


@pytest.mark.parametrize("command", [compare, gate, repeatability, *plan.commands.values()])
def test_every_option_has_help(command):
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
