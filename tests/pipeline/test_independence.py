"""Results depend on the seed and the content alone: not on batch, company, order, place or name."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.conftest import BOLTS, FLOUR, Line, assert_equal, run

RAW = ("frames", "pairs", "triples", "probabilities", "changes", "sensitivity")
SUMMED = ("stability", "variation")


def measured(line, *options):
    for stage in ("stability", "variation", "sensitivity"):
        assert run(*line.command(stage, "--end-s=1.5", *options)) == 0
    return line.folder


@pytest.fixture(scope="module")
def bolts(corpus, models, tmp_path_factory):
    """One clip, alone, in batches as they come."""
    line = Line.of(tmp_path_factory.mktemp("bolts"), corpus, models, BOLTS)
    return measured(line, "--perturbation=gaussian_noise")


def test_two_runs_are_equal_whatever_the_clip_is_called(bolts, line, said):
    (line.sources / FLOUR).unlink()
    (line.sources / BOLTS).rename(line.sources / "cam 7.gif")
    again = measured(line, "--perturbation=gaussian_noise")
    for name in (*RAW, *SUMMED):
        table = again.table(name)
        assert set(table["item"]) <= {"cam 7", ""}
        named = table.assign(item=table["item"].replace("cam 7", Path(BOLTS).stem))
        assert_equal(named, bolts.table(name))


def test_batches_do_not_matter(bolts, line):
    (line.sources / FLOUR).unlink()
    again = measured(line, "--perturbation=gaussian_noise", "--batch=7")
    orders = {"kind", "scale", "quantity", "frame_a", "frame_b", "frame", "metric", "strength"}
    orders |= {"label"}
    for name in RAW:
        keys = [c for c in again.table(name) if c in orders]
        # the divergence is a difference of logarithms: rounding of 1e-7 in a probability is 1e-5 of a bit there
        assert_equal(again.table(name), bolts.table(name), by=tuple(keys), atol=1e-5)
    for name in SUMMED:
        rows = [
            t[~t["metric"].str.startswith("noise_floor")] if "metric" in t else t
            for t in (again.table(name), bolts.table(name))
        ]
        assert_equal(rows[0], rows[1], atol=1e-5)


def test_other_items_do_not_matter(bolts, line):
    both = measured(line, "--perturbation=gaussian_noise")
    for name in RAW:
        table = both.table(name)
        assert set(table["item"]) == {Path(BOLTS).stem, Path(FLOUR).stem}
        mine = table[table["item"] == Path(BOLTS).stem].reset_index(drop=True)
        alone = bolts.table(name)
        # the frames of a run are shared out; those that an item keeps say the same
        if name == "sensitivity":
            assert 0 < mine["frame"].nunique() < alone["frame"].nunique()
            alone = alone[alone["frame"].isin(mine["frame"])].reset_index(drop=True)
        assert_equal(mine, alone)


def test_copies_and_remuxed_copies_count_once(bolts, line, ffmpeg, said, printed, corpus):
    """The same clip, a copy of it under another name, and the same pictures in another container."""
    for clip in (FLOUR, BOLTS):
        (line.sources / clip).unlink()
    clip = corpus / "factory" / "intel_bottle-detection.mp4"
    cut = line.sources / "bottles.mp4"

    def ffmpeg_writes(*options):
        subprocess.run([ffmpeg, "-v", "error", "-y", *map(str, options)], check=True)

    ffmpeg_writes("-i", clip, "-frames:v", "20", "-an", "-c", "copy", cut)
    shutil.copy(cut, line.sources / "copy.mp4")
    ffmpeg_writes("-i", cut, "-c", "copy", line.sources / "remuxed.mkv")
    assert (line.sources / "remuxed.mkv").read_bytes() != cut.read_bytes()
    summary = printed(0, *line.command("stability")).err
    for name in ("copy", "remuxed"):
        assert f"{name}: shows the same pictures as bottles, and is counted once" in summary
    folder = line.folder
    copies = [{"item": name, "same_as": "bottles"} for name in ("copy", "remuxed")]
    assert folder.run["duplicates"] == copies
    assert set(folder.table("frames")["item"]) == {"bottles"}
    assert len(folder.table("transitions")) == 20
    # gone again: the copy that is left stands for itself, and nobody is said to have vanished who is there
    cut.unlink()
    summary = printed(0, *line.command("stability")).err
    assert "bottles: is no longer among the sources" in summary
    assert "copy: is not among" not in summary
    assert set(folder.table("frames")["item"]) == {"copy"}


def test_run_folders_among_the_sources_are_no_footage(line, studied, said):
    other = line.sources / "reports" / "other"
    shutil.copytree(studied.run, other)
    assert list((other / "moments").glob("*.jpg"))
    inside = Line(line.sources, line.sources / "reports" / "first", line.model)
    (line.sources / BOLTS).unlink()
    for _ in range(2):  # the second time its own run folder is there as well
        assert run(*inside.command("variation")) == 0
        assert [entry["item"] for entry in inside.folder.run["inputs"]] == [Path(FLOUR).stem]
    left_out = {entry["path"].split("reports/")[-1] for entry in inside.folder.run["left_out"]}
    assert left_out == {"first", "other"}
    said()
    assert run("variation", str(other / "moments"), str(other / "cache"), f"-o{line.run}") == 3


def test_run_json_says_what_was_read(bolts):
    (entry,) = bolts.run["inputs"]
    assert (entry["frames"], entry["corrupt_frames"]) == (23, 0)
    assert len(entry["sha256"]) == 64
    assert len(entry["decoded"]) == 32
    assert bolts.run["schema"] == 4
    assert json.loads((bolts.path / "metrics.json").read_text())["schema"] == 2
