"""Finished runs compared and gated by the command line, on real clips and networks."""

import json
import math
import re
import shutil

import pandas as pd
import pytest

from tests.pipeline.conftest import NETS, run
from tests.shrunk import shrink
from tests.stages.report.conftest import Page
from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.catalogue import find_metric
from vidrobust.plugins.comparison.compare_metrics import Compared
from vidrobust.plugins.comparison.compare_runs import compare_runs, headline
from vidrobust.run_folder.folder import RunFolder
from vidrobust.statistics.ratios import Undecided

pytestmark = pytest.mark.usefixtures("without_figures")
CLIP = "intel_preview_bolt-multi-size-detection.gif"


@pytest.fixture(scope="module")
def pair(corpus, models, tmp_path_factory):
    """One clip under two names, cut into six parts by manifests with labels; a network each."""
    base = tmp_path_factory.mktemp("compare")
    folders = []
    for side, net in zip("ab", NETS, strict=True):
        shrink(corpus / "factory" / CLIP, base / f"{side}.gif")
        passes = (f"{k // 2},{k % 2},hammer,{0.4 * k},{0.4 * k + 0.4}" for k in range(6))
        rows = [f"{side}.gif,{side}{k},{of}" for k, of in enumerate(passes)]
        manifest = base / f"{side}.csv"
        manifest.write_text("path,item,part,pass,label,start_s,end_s\n" + "\n".join(rows) + "\n")
        out = base / f"run_{side}"
        asked = (f"--model=onnx:{models / net}", f"--out={out}", "--quiet")
        # what the pictures show is measured once
        assert run("stability", str(manifest), *asked, f"--cache={base / 'cache'}") == 0
        folders.append(out)
    return folders[0], folders[1]


def test_a_run_is_the_same_as_itself(pair, printed):
    found = json.loads(printed(0, "compare", str(pair[0]), str(pair[0]), "--json").out)
    assert {metric["verdict"] for metric in found["metrics"].values()} == {"same"}
    assert {"flip_rate", "jitter", "total_variation"} <= set(found["metrics"])
    assert (found["negative_flips"], found["positive_flips"], found["mcnemar_p"]) == (0, 0, 1.0)
    assert found["churn"]["value"] == 0.0
    assert found["settled_by"] is None
    assert found["headline"].startswith("The labels are the same on all ")


def test_the_headline_leads_with_the_verdict_and_what_would_settle_it():
    metric = find_metric("flip_rate")

    def of(verdict, here, why, low, high):
        judged = {"on_these_clips": here, "why": why}
        found = Compared(0.1, 0.12, 0.02, low, high, 0.02, verdict, 900, 9, "item", **judged)
        return headline({"flip_rate": found}, {"flip_rate": metric})

    assert of("worse", "", Undecided.DECIDED, 0.01, 0.03)["settled_by"] is None
    few = of("cannot tell", "worse", Undecided.FEW_CLIPS, 0.01, 0.03)["settled_by"]
    assert (few["metric"], few["why"], few["clips"]) == ("flip_rate", "few_clips", 14)
    more = of("cannot tell", "", Undecided.INTERVAL, -0.02, 0.06)["settled_by"]
    assert (more["why"], more["clips"]) == ("interval", 0)
    assert more["times"] == pytest.approx(4)  # half of .04 to leave out 0
    none = of("cannot tell", "cannot tell", Undecided.FEW_CLUSTERS, math.nan, math.nan)
    assert none["settled_by"]["why"] == "few_clusters"
    assert math.isnan(none["settled_by"]["times"])


def test_two_networks_on_the_same_content_are_paired(pair):
    a, b = (RunFolder.existing(path) for path in pair)
    found = compare_runs(a, b)
    assert (found["paired_by"], found["items"], found["notes"]) == ("content", 6, [])
    usable = "kind == 'adjacent' and excluded == ''"
    pairs = [folder.table("pairs").query(usable) for folder in (a, b)]
    pairs = [t.assign(item=t["item"].str[1:]).set_index(["item", "frame_a"]) for t in pairs]
    keyed = [table["total_variation"] for table in pairs]
    both = pd.concat(keyed, axis=1, join="inner").to_numpy()
    metric = found["metrics"]["total_variation"]
    assert metric["n"] == len(both)
    assert metric["difference"] == pytest.approx((both[:, 1] - both[:, 0]).mean())
    assert metric["low"] <= metric["difference"] <= metric["high"]
    for side, folder in (("a", a), ("b", b)):  # the runs' own figures, to the digit
        (own,) = folder.read_json("metrics.json")["models"].values()
        for name, each in found["metrics"].items():
            assert each[side] == own[name]["value"], name
    assert isinstance(found["headline"], str)
    assert found["settled_by"]["metric"] in found["family"]
    # three parts are too few to stand for others: stretches
    assert metric["cluster"] == "stretch"
    labels = [folder.table("frames")["label_name"].to_numpy() for folder in (a, b)]
    right = [label == "hammer" for label in labels]
    assert found["negative_flips"] == int((right[0] & ~right[1]).sum())
    assert found["churn"]["value"] == pytest.approx((labels[0] != labels[1]).mean())


def test_other_footage_is_paired_by_part_and_pass_or_refused(pair, tmp_path):
    a = RunFolder.existing(pair[0])
    other = tmp_path / "other"
    shutil.copytree(pair[1], other)
    b = RunFolder.existing(other)
    changed = [{**entry, "sha256": f"other {k}"} for k, entry in enumerate(b.run["inputs"])]
    b.update(inputs=changed)
    found = compare_runs(a, b)
    assert (found["paired_by"], found["metrics"]["flip_rate"]["n"]) == ("part and pass", 6)
    b.update(inputs=[{**entry, "part": ""} for entry in changed])
    said = r"run_a \(a0, .* share no footage, neither by content nor by part"
    with pytest.raises(InputError, match=said):
        compare_runs(a, b)
    b.update(inputs=[changed[0], *RunFolder.existing(pair[1]).run["inputs"][1:]])
    left_out = (f"{pair[0]} left out: a0", f"{other} left out: b0")
    assert compare_runs(a, b)["notes"] == [f"1 input only in {each}" for each in left_out]


def test_other_footage_is_paired_station_by_station_and_reported_on_a_page(pair, tmp_path, capsys):
    """Six inputs of each run as three parts, two stations each; without stations a pass is their mean."""
    folders = [RunFolder(shutil.copytree(path, tmp_path / path.name)) for path in pair]
    for folder in folders:
        inputs = [
            {**entry, "sha256": f"{folder.path.name} {k}", "pass": 1, "station": f"s{k % 2}"}
            for k, entry in enumerate(folder.run["inputs"])
        ]
        folder.update(inputs=inputs)
    assert run("compare", *(str(folder.path) for folder in folders), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["paired_by"], found["items"]) == ("part, pass and station", 6)
    assert (found["metrics"]["total_variation"]["n"], found["mcnemar_p"]) == (6, None)
    page = Page((folders[1].path / "comparison.html").read_text(encoding="utf-8"))
    assert page.balanced
    assert "6 items that both have seen, paired by part, pass and station" in page.text
    for verdict in {metric["verdict"] for metric in found["metrics"].values()}:
        assert verdict in page.sections["verdicts"]
    assert "frames" not in page.sections
    for folder in folders:
        folder.update(inputs=[{**entry, "station": ""} for entry in folder.run["inputs"]])
    merged = compare_runs(*(RunFolder.existing(folder.path) for folder in folders))
    assert (merged["paired_by"], merged["items"]) == ("part and pass", 3)
    assert merged["metrics"]["jitter"]["n"] == 3


def test_changed_labels_are_counted_frame_by_frame(pair, tmp_path, capsys):
    again, page = tmp_path / "again", tmp_path / "page.html"
    shutil.copytree(pair[0], again)
    table = RunFolder.existing(again).table("frames")
    other = table["label_name"].where(table.index % 5 != 0, "bottle")
    RunFolder.existing(again).write_table("frames", table.assign(label_name=other))
    assert run("compare", str(pair[0]), str(again), "--json", f"--out={page}") == 0
    found = json.loads(capsys.readouterr().out)
    changed = table["label_name"] != other
    assert found["churn"]["value"] == pytest.approx(changed.mean())
    assert sum(row["frames"] for row in found["changed_labels"]) == changed.sum()
    assert {row["b"] for row in found["changed_labels"]} == {"bottle"}
    assert re.match(r"The labels differ on \d+ % .* of \d+ frames\. ", found["headline"])
    # right or wrong stands in another table
    assert found["both_right"] + found["both_wrong"] == len(table)
    assert "McNemar" in page.read_text(encoding="utf-8")


def test_models_are_named_where_they_are_not_clear(pair):
    a, b = (RunFolder.existing(path) for path in pair)
    with pytest.raises(SettingsError, match="has no model nothing; it has mobilenet"):
        compare_runs(a, b, model_a="nothing")
    with pytest.raises(SettingsError, match="above 0"):
        compare_runs(a, b, margin=0.0)


FOLDER_COMMANDS = (
    ("compare", "{}", "{}"),
    ("show", "{}"),
    ("report", "{}"),
    ("export", "{}", "--to", "markdown"),
    ("gate", "{}", "--fail-if", "flip_rate > 0.1"),
)


@pytest.mark.parametrize("command", FOLDER_COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("what", ["failed", "killed", "foreign", "none"])
def test_folders_without_results_are_named(pair, tmp_path, printed, command, what):
    folder = tmp_path / what
    folder.mkdir()
    if what == "foreign":
        (folder / "run.json").write_text('{"lr": 0.1}')
    elif what != "none":
        made = json.loads((pair[0] / "run.json").read_text())
        broken = {"path": "broken.mp4", "error": "broken.mp4: cannot be read"}
        failed = [broken] if what == "failed" else []
        nothing = {"inputs": [], "failed": failed, "stages": {}}
        (folder / "run.json").write_text(json.dumps(made | nothing))
    said = printed(3, *(part.format(folder) for part in command))
    assert said.out == ""
    assert str(folder) in said.err
    assert ("broken.mp4" in said.err) == (what == "failed")


def test_gates_end_with_their_code(pair, tmp_path):
    value = RunFolder.existing(pair[0]).read_json("metrics.json")
    (summary,) = value["models"].values()
    rate = summary["flip_rate"]["value"]
    junit = tmp_path / "gates.xml"
    rule = ("--fail-if", f"flip_rate > {rate + 0.001}")
    assert run("gate", str(pair[0]), *rule, f"--junit={junit}") == 0
    assert 'failures="0"' in junit.read_text()
    assert run("gate", str(pair[0]), "--fail-if", f"flip_rate >= {rate}") == 1
    assert run("gate", str(pair[0]), "--fail-if", "dropout_rate > 0") == 2
    assert run("gate", str(pair[0]), "--fail-if", "nonsense") == 2


def test_a_stage_ends_with_the_code_of_its_gates(pair, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(pair[0], folder)
    config = tmp_path / "vidrobust.toml"
    gates = ("--fail-if", "flip_rate >= 0", f"--junit={tmp_path / 'a.xml'}", "-q")
    assert run("stability", str(folder), *gates) == 1
    assert 'failures="1"' in (tmp_path / "a.xml").read_text()
    assert run("stability", str(folder), "--fail-if", "dropout_rate > 0", "-q") == 2
    assert run("stability", str(folder), "--fail-if", "flip_rate > 1", "-q") == 0
    sources = ", ".join(f'"{source}"' for source in RunFolder.existing(folder).settings.sources)
    model = RunFolder.existing(folder).settings.model[0]
    rule = '["flip_rate.low >= 0"]'
    config.write_text(f'sources = [{sources}]\nmodel = ["{model}"]\nfail_if = {rule}\n')
    sources = RunFolder.existing(folder).settings.sources
    assert run("stability", *sources, f"--config={config}", f"--out={folder}", "-q") == 1
    assert run("stability", str(folder), "--fail-if", "flip_rate is bad", "-q") == 2


def test_a_build_fails_where_b_differs_from_a_and_passes_where_it_does_not(pair, printed, tmp_path):
    a, b = (str(path) for path in pair)
    junit = tmp_path / "junit.xml"
    rules = ("--fail-if=answers > 1%", f"--junit={junit}", "--json")
    printed(0, "compare", a, a, *rules)
    assert 'failures="0"' in junit.read_text()
    printed(1, "compare", a, b, *rules)
    assert 'failures="1"' in junit.read_text()
    printed(0, "compare", a, a, "--fail-if=flip_rate.high > 0.01", "--json")
    printed(2, "compare", a, a, "--fail-if=recall > 0.01", "--json")
    printed(2, "compare", a, b, f"--junit={junit}")
