"""The same command again makes only what is missing or stale, and says what and why."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.conftest import BOLTS, FLOUR, STAGES, assert_equal, run, units, written
from tests.shrunk import shrink

COSTS_NOTHING = "tests.fuzz.tiny:model"
OF_FOOTAGE = {"transitions", "stability", "variation", "sensitivity"}


@pytest.fixture
def line(line):
    """Two clips before a classifier that costs nothing."""
    return replace(line, model=COSTS_NOTHING)


def parts(line):
    return units(line.run)


def states(line, capsys):
    """What ``vidrobust status`` says of each stage: its state, and why."""
    capsys.readouterr()
    assert run("status", str(line.run), "--json") == 0
    return {row["stage"]: (row["state"], row["why"]) for row in json.loads(capsys.readouterr().out)}


def test_the_same_command_again_makes_nothing_anew(again, printed):
    before = written(again.run)
    lines = printed(0, *again.command()).err.splitlines()
    for stage in STAGES:
        assert f"{stage}: up to date" in lines
    assert not [line for line in lines if "stale" in line]
    after = written(again.run)
    # what was asked for and what the sources hold is noted again, and nothing else is written
    noted = {"run.json", ".lock", "items.parquet", "labels.parquet"}
    assert {name for name in after if after[name] != before.get(name)} <= noted
    assert set(after) - noted == set(before) - noted


@pytest.mark.parametrize(
    ("stage", "option", "why", "anew"),
    [
        ("sensitivity", "--perturbation=hue", "was brightness, now hue", {"sensitivity"}),
        ("stability", "--min-boxes=2", "stability is stale: min_boxes was 1, now 2", {"stability"}),
        ("variation", "--seed=5", "variation is stale: seed was 0, now 5", {"variation"}),
        ("correlate", "--end-s=0.9", "stability is stale: end_s was unset, now 0.9", OF_FOOTAGE),
        ("correlate", "--resamples=120", "correlate is stale: resamples was 99, now 120", set()),
    ],
)
def test_a_changed_setting_makes_some_units_anew(again, printed, capsys, stage, option, why, anew):
    before = parts(again)
    assert why in printed(0, stage, str(again.run), option).err
    after = parts(again)
    assert {name: after.get(name) for name in before} == before  # nothing is overwritten
    assert {name.split("/")[0] for name in set(after) - set(before)} == anew
    summary = states(again, capsys)
    assert {summary[name][0] for name in {stage, *anew}} == {"done"}
    assert summary["report"][0] == "stale"


def test_more_frames_are_added_to_a_part_and_fewer_are_taken_from_it(again, said):
    first, before = again.folder.table("sensitivity"), parts(again)
    assert first.groupby("item")["frame"].nunique().tolist() == [2]
    said()
    assert run("sensitivity", str(again.run), "--frames=4") == 0
    assert "sensitivity is stale: frames was 2, now 4" in said()
    more, after = again.folder.table("sensitivity"), parts(again)
    assert set(after) == set(before)
    assert {name.split("/")[0] for name in before if after[name] != before[name]} == {"sensitivity"}
    assert more.groupby("item")["frame"].nunique().tolist() == [4]
    by = ["item", "frame", "perturbation", "strength", "metric"]
    assert_equal(more.merge(first[["item", "frame"]].drop_duplicates()), first, by=tuple(by))
    assert again.folder.run["sample"] == {"budget": "", "frames": 4, "pairs": 2, "items": 1}
    assert run("sensitivity", str(again.run), "--frames=2") == 0
    assert parts(again) == after
    assert_equal(again.folder.table("sensitivity"), first)


def test_seeds_never_mix_and_both_are_kept(again):
    first = again.folder.table("sensitivity"), again.folder.table("changes")
    assert run("sensitivity", str(again.run), "--seed=1", "--perturbation=gaussian_noise") == 0
    # the folder's settings are those of the last command
    assert run("variation", str(again.run)) == 0
    other = again.folder.table("sensitivity")
    assert set(other["perturbation"]) == {"gaussian_noise"}
    before = parts(again)
    assert run("sensitivity", str(again.run), "--seed=0", "--perturbation=brightness") == 0
    assert run("variation", str(again.run)) == 0
    assert parts(again) == before
    assert_equal(again.folder.table("sensitivity"), first[0])
    assert_equal(again.folder.table("changes"), first[1])


def test_another_model_keeps_the_parts_of_the_first(again):
    before = parts(again)
    first = again.folder.table("frames")
    second = f"-m{COSTS_NOTHING}"
    assert run(*again.command("sensitivity", second)) == 0
    assert run(*again.command("stability", second)) == 0
    after = parts(again)
    assert {name: after.get(name) for name in before} == before
    # one more unit of each stage that has a model, and none of the others
    assert {name.split("/")[0] for name in set(after) - set(before)} == {"stability", "sensitivity"}
    both = again.folder.table("frames")
    assert both["model"].nunique() == 2
    assert_equal(both[both["model"] == first["model"].iloc[0]].reset_index(drop=True), first)
    # and the first one alone again: exactly what is asked for
    assert run(*again.command("stability")) == 0
    assert_equal(again.folder.table("frames"), first)


def test_new_files_are_new_items_and_vanished_ones_are_named(line, said, printed, corpus):
    (line.sources / BOLTS).unlink()
    assert run(*line.command("sensitivity", "--frames=1")) == 0
    before, alone = parts(line), line.folder.table("sensitivity")
    shrink(corpus / "factory" / BOLTS, line.sources)
    assert "sensitivity: 1 of 2 units to be made" in printed(0, *line.command("sensitivity")).err
    assert {name: time for name, time in parts(line).items() if name in before} == before
    both = line.folder.table("sensitivity")
    # what the first clip says does not depend on the other one being there
    flour = both[both["item"] == Path(FLOUR).stem].reset_index(drop=True)
    assert len(both) == 2 * len(alone)
    assert_equal(flour, alone)
    (line.sources / FLOUR).unlink()
    said()
    assert run(*line.command("sensitivity")) == 0
    assert f"{Path(FLOUR).stem}: is no longer among the sources, and is left out" in said()
    assert set(line.folder.table("sensitivity")["item"]) == {Path(BOLTS).stem}
    assert [entry["item"] for entry in line.folder.run["inputs"]] == [Path(BOLTS).stem]


def test_a_changed_file_is_studied_again(line, corpus):
    (line.sources / BOLTS).unlink()
    assert run(*line.command("variation")) == 0
    shrink(corpus / "factory" / BOLTS, line.sources / FLOUR)  # other footage under the old name
    assert run(*line.command("variation")) == 0
    (entry,) = line.folder.run["inputs"]
    assert (entry["item"], entry["frames"]) == (Path(FLOUR).stem, 37)


def test_other_sources_are_refused_unless_they_are_to_replace(again, printed, corpus):
    before = {k: v for k, v in written(again.run).items() if k != ".lock"}
    other = ["variation", str(corpus / "factory" / BOLTS), f"-o{again.run}"]
    assert "holds a run on other sources" in printed(2, *other).err
    assert {k: v for k, v in written(again.run).items() if k != ".lock"} == before
    assert run(*other, "--overwrite") == 0
    assert [entry["item"] for entry in again.folder.run["inputs"]] == [Path(BOLTS).stem]
    assert not (again.run / "report.html").exists()
    assert list(again.folder.run["stages"]) == ["transitions", "variation"]


def test_the_order_of_the_sources_is_no_other_run(line):
    clips = [str(line.sources / FLOUR), str(line.sources / BOLTS)]
    options = line.command("sensitivity")[2:]
    assert run("sensitivity", *clips, *options) == 0
    first, made = line.folder.table("sensitivity"), parts(line)
    assert run("sensitivity", *reversed(clips), *options) == 0
    assert parts(line) == made
    by = ("item", "frame", "strength", "metric")
    assert_equal(line.folder.table("sensitivity"), first, by=by)


def test_a_folder_of_version_0_1_is_named(again, said):
    older = {**again.folder.run, "schema": 1, "versions": {"vidrobust": "0.1.0"}}
    (again.run / "run.json").write_text(json.dumps(older))
    for command in (["report", str(again.run)], again.command("variation")):
        assert run(*command) == 3
        assert "was made by vidrobust 0.1.0 and cannot be continued by this one" in said()
    assert run(*again.command("variation"), "--overwrite", "-q") == 0
    assert again.folder.run["schema"] == 4


def test_a_folder_of_something_else_is_left_as_it_is(line, printed):
    line.run.mkdir()
    (line.run / "thesis.txt").write_text("chapter 1")
    assert "is not empty and not a run folder" in printed(2, *line.command("variation")).err
    assert [path.name for path in line.run.iterdir()] == ["thesis.txt"]


def test_status_tells_done_stale_and_missing(line, capsys, printed):
    assert run(*line.command("variation", "-q")) == 0
    summary = states(line, capsys)
    done = dict.fromkeys(("transitions", "variation"), "done")
    found = {name: state for name, (state, _) in summary.items()}
    assert found == dict.fromkeys(summary, "missing") | done
    (line.run / "changes.parquet").unlink()
    assert states(line, capsys)["variation"] == ("stale", "changes is not there")
    assert run("variation", str(line.run), "-q") == 0
    assert states(line, capsys)["variation"] == ("done", "")
    line.folder.update(settings=line.folder.settings.changed({"seed": 9}, "test").as_dict())
    assert states(line, capsys)["variation"] == ("stale", "seed was 0, now 9")
    assert "seed was 0, now 9" in printed(0, "status", str(line.run)).out


def test_clean_removes_the_parts_and_nothing_else(again, capsys, printed):
    kept = {k: v for k, v in written(again.run).items() if not k.startswith(("cache", "."))}
    size = sum(path.stat().st_size for path in (again.run / "cache").rglob("*") if path.is_file())
    assert printed(0, "clean", str(again.run)).out == f"{size / 1e6:.1f} MB freed\n"
    assert {k: v for k, v in written(again.run).items() if not k.startswith(".")} == kept
    assert states(again, capsys)["report"] == ("done", "")
    before = again.folder.table("variation")
    assert run("variation", str(again.run)) == 0  # made anew from the footage, and equal
    assert_equal(again.folder.table("variation"), before)


def test_a_damaged_part_is_named_with_the_way_out(again, said):
    part = min((again.run / "cache" / "sensitivity").glob("*.zip"))
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    (again.run / "sensitivity.parquet").unlink()
    assert run("sensitivity", str(again.run)) == 3
    assert "delete it, and the same command makes it again" in said()
    part.unlink()
    assert run("sensitivity", str(again.run)) == 0
    names = {path.name for path in (again.run / "cache").iterdir()}
    assert names == {"hashes.json", *OF_FOOTAGE, "causes"}


def test_a_run_folder_is_its_own_place(studied, said, tmp_path):
    assert run("sensitivity", str(studied.run), f"--out={tmp_path / 'elsewhere'}") == 2
    assert "--out goes with sources" in said()
    assert not (tmp_path / "elsewhere").exists()


def test_each_command_prints_its_own_result(again, printed, without_figures):
    folder, shown = again.folder, {}
    for stage in STAGES:
        quiet = () if stage == "report" else ("-q",)
        output = printed(0, stage, str(folder.path), "--json", *quiet)
        shown[stage] = json.loads(output.out)
    assert "report" in output.err  # what is said of the work does not go to standard output
    assert shown["stability"] == folder.read_json("metrics.json")
    quantities = set(folder.table("variation")["quantity"])
    assert {row["quantity"] for row in shown["variation"]} == quantities
    assert {row["perturbation"] for row in shown["sensitivity"]} == {"brightness"}
    assert "cause" in shown["causes"][0]
    assert shown["correlate"] == folder.read_json("correlation.json")
    assert shown["policy"] == folder.read_json("policy.json")
    assert shown["report"] == {"report": str(folder.path / "report.html")}
