"""The page as a whole: whole or absent, offline, escaped, with the numbers of the tables, whatever has run."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from importlib import resources

import pytest

from tests.stages.report import made_run
from tests.stages.report.conftest import Page
from tests.wording import assert_golden
from vidrobust.errors import InputError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.moments.player import player
from vidrobust.stages.report import page as html
from vidrobust.stages.report.page import write_report
from vidrobust.stages.stability import by_clip
from vidrobust.stages.variation.spread import OF_WIDTH
from vidrobust.statement import NEEDS_MODEL
from vidrobust.text.numbers import number, one_in, percent, percent_with_interval

SECTIONS = (
    "stable", "moments", "sensitive", "proxies", "policy", "metrics", "curves", "correlation",
    "causes", "variation", "excluded", "inputs", "models", "settings", "glossary",
)  # fmt: skip
ONE_PAGE = (
    "answer", "why", "moments", "do", "sensitive", "proxies", "undetermined", "look", "swaps",
)  # fmt: skip
LOADS = ("src", "href", "srcset", "poster", "data", "action", "background")
QUESTIONS = ("stable", "worst", "why", "sensitive", "proxies", "remedies", "policy", "footage")
QUESTIONS = (*QUESTIONS, "made", "glossary")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One model on two short clips, every stage: for what does not depend on how much there is."""
    path = tmp_path_factory.mktemp("small") / "line"
    return made_run.make(path, frames=60, studied=6, perturbations=("brightness", "jpeg"))


def ids_of(page, tag):
    return [found["id"] for each, found in page.tags if each == tag and "id" in found]


def test_every_section_is_in_the_details_and_every_question_in_their_contents(details):
    ids = ids_of(details, "section")
    assert set(SECTIONS) <= set(ids)
    assert len(ids) == len(set(ids))
    folds = ids_of(details, "details")
    assert set(folds) == {f"q-{name}" for name in QUESTIONS}
    links = {found["href"] for tag, found in details.tags if tag == "a"}
    assert {f"#{name}" for name in folds} <= links
    assert links - {"report.html"} <= {f"#{name}" for name in (*ids, *folds)}
    assert details.balanced


def test_the_one_page_holds_what_one_acts_upon(page, details):
    ids = ids_of(page, "section")
    assert [name for name in ids if name in ONE_PAGE] == list(ONE_PAGE)
    links = {found["href"] for tag, found in page.tags if tag == "a"}
    named = (*ids_of(details, "section"), *ids_of(details, "details"))
    there = {f"details.html#{name}" for name in named}
    assert links <= there | {"details.html"}
    assert page.balanced


def test_the_pages_load_nothing(page, details):
    tags = [*page.tags, *details.tags]
    assert not any(tag in ("iframe", "object", "embed", "form") for tag, _ in tags)
    for tag, found in tags:
        for attribute in LOADS:
            value = found.get(attribute, "data:")
            own = ("data:", "#", "details.html", "report.html") if tag == "a" else ("data:", "#")
            assert value.startswith(own), f"{tag} {attribute}={value[:60]}"
        assert not any(each.startswith("on") for each in found)
        assert "style" not in found, "an attribute of style has no hash"
    assert "url(" not in _templates("style.css")


def _templates(name):
    path = resources.files("vidrobust.report").joinpath("templates", name)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["report.html", "details.html"])
def test_a_policy_forbids_whatever_a_name_could_bring_in(made, page, name):
    """Pictures inside the page, its own style and its own script by their hashes, and nothing else."""
    text = (made.path / name).read_text(encoding="utf-8")
    tags = Page(text).tags
    (policy,) = (f["content"] for _, f in tags if f.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (block,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    names = [tag for tag, _ in tags]
    assert names.index("style") > next(k for k, (_, f) in enumerate(tags) if "http-equiv" in f)


def test_every_figure_has_words(details):
    images = [found for tag, found in details.tags if tag == "img"]
    assert len(images) > 15
    assert all(found["alt"] for found in images)
    figures = sum(tag == "figure" for tag, _ in details.tags)
    assert figures == sum(tag == "figcaption" for tag, _ in details.tags) >= 1


def test_names_are_escaped(made, page):
    for name in ("report.html", "details.html"):
        text = (made.path / name).read_text(encoding="utf-8")
        assert "line <3>" not in text
        assert "line <3>" in Page(text).text
        assert "<M6>" not in text
    assert 'bolt <M6> & "nut"' in made.table("frames")["label_name"].to_numpy()


def test_no_number_is_nan(details):
    names = {*SECTIONS} - {"policy", "proxies", "correlation"}
    own = " ".join(details.sections[name] for name in names)
    assert not re.search(r"\b(nan|None|inf)\b", own)


def test_numbers_are_those_of_the_tables(made, details):
    stability, pairs = made.table("stability"), made.table("pairs")
    whole = stability[(stability["item"] == "") & (stability["metric"] == "flip_rate")]
    whole = whole.set_index("model")
    usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    for model in ("net-a", "net-b"):
        row = whole.loc[model]
        assert row["value"] == usable.loc[usable["model"] == model, "label_flip"].mean()
        assert one_in(row["value"]) in details.sections["stable"]
        told = percent_with_interval(row["value"], row["low"], row["high"])
        assert told in details.sections["metrics"]
        assert f"n = {len(usable) // 2} in" in details.sections["metrics"]
    worst = json.loads((made.path / "moments.json").read_text())["moments"][0]
    told = [percent(worst[f"probability_{side}"]) for side in ("a", "b")]
    for said in (*told, f"frame {worst['frame_a']}"):
        assert said in details.sections["moments"]


def test_verdicts_are_those_of_the_correlation_table(made, details):
    table = made.table("correlation")
    each = table[table["primary"]].drop_duplicates(["across", "model", "perturbation"])
    verdicts, text = each["verdict"].value_counts(), (made.path / "details.html").read_text()
    shown = re.search(r'<section id="proxies">.*?<table>(.*?)</table>', text, re.S)[1]
    cells = [row for row in shown.split("</tr>") if "<td>" in row or "<th>" in row]
    (header, *rows) = [re.findall(r"<td>(.*?)</td>", row, re.S) for row in cells]
    assert not header
    for place, verdict in enumerate(("proxy", "no evidence", "cannot tell"), start=1):
        counts = [re.match(r"<b>(\d+)</b>", row[place]) for row in rows]
        assert sum(int(count[1]) for count in counts if count) == verdicts.get(verdict, 0)


def test_the_policy_is_that_of_the_files(made, details):
    policy = json.loads((made.path / "policy.json").read_text())
    text = details.sections["policy"]
    for step in policy["steps"]:
        assert percent(step["probability"]) in text
        in_percent = step["unit"].startswith("relative ") or step["unit"] == OF_WIDTH
        high = 100 * step["high"] if in_percent else step["high"]
        assert number(high, 3) in text
    for rejected in policy["rejected"]:
        assert rejected["reason"] in text
    assert all(family in text for family in policy["evaluation_only"])
    assert policy["steps"], "the made run is meant to have a step, so that this test can fail"


def test_what_could_not_be_read_is_said_first(page, details):
    assert "1 input could not be read" in page.text
    assert page.text.index("1 input could not be read") < page.text.index("Why")
    assert "absent.mp4: no such file" in details.sections["inputs"]
    assert "notes.txt" in details.sections["inputs"]


def test_swaps_and_rates_of_the_one_page_are_those_of_the_tables(made, page):
    flips = made.table("pairs")
    flips = flips[(flips["kind"] == "adjacent") & (flips["excluded"] == "") & flips["label_flip"]]
    names = made.table("frames").set_index(["model", "item", "frame"])["label_name"]
    seen = [(f.model, f.item, (f.frame_a, f.frame_b)) for f in flips.itertuples()]
    pairs = [(model, *sorted(names[model, item, k] for k in ends)) for model, item, ends in seen]
    model, one, other = max(dict.fromkeys(pairs), key=pairs.count)
    table = by_clip.swaps(RunTables(made.path))
    assert table.rows[0][0] == model
    assert table.rows[0][1:3] == (by_clip.cut(one, 34), by_clip.cut(other, 34))
    assert table.rows[0][3] == str(pairs.count((model, one, other)))
    every = by_clip.swaps(RunTables(made.path), most=1000).rows
    assert sum(int(row[3]) for row in every) == len(pairs)
    assert table.rows[0][3] in page.sections["swaps"]


def test_flips_of_the_player_are_those_of_the_pairs(made):
    data = player(RunTables(made.path))
    pairs = made.table("pairs")
    flips = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "") & pairs["label_flip"]]
    models, items = [m["name"] for m in data["models"]], [i["name"] for i in data["items"]]
    marked = {(items[e[0]], models[e[1]], e[2], e[3]) for e in data["events"]}
    columns = flips[["item", "model", "frame_a", "frame_b"]]
    assert marked == set(columns.itertuples(index=False, name=None))
    frames = made.table("frames").set_index(["model", "item", "frame"])
    for item in data["items"]:
        for m, (labels, probabilities) in enumerate(item["a"]):
            for frame, label, p in zip(item["f"], labels, probabilities, strict=True):
                row = frames.loc[(models[m], item["name"], frame)]
                assert data["labels"][label] == row["label_name"]
                assert p == pytest.approx(row["probability"], abs=5e-4)


def test_a_long_run_is_thinned_and_keeps_every_flip(made):
    data = player(RunTables(made.path), most_points=100)
    assert sum(len(i["f"]) for i in data["items"]) < 360
    assert "the lines show one frame in 4 and every flip" in data["said"]
    for event in data["events"]:
        assert {event[2], event[3]} <= set(data["items"][event[0]]["f"])


STAGES = {
    "stability": ("stable", ("frames", "pairs", "stability")),
    "sensitivity": ("sensitive", ("sensitivity",)),
    "variation": ("variation", ("variation", "changes")),
    "causes": ("causes", ("causes", "candidate_fits", "account", "account_by", "named", "moments")),
    "correlate": ("proxies", ("correlation", "correlation_matrix")),
    "policy": ("policy", ("policy",)),
}


# one page shows two stages that need nothing of each other
HALVES = (("stability", "policy"), ("causes", "sensitivity"), ("variation", "correlate"))


@pytest.mark.parametrize(
    "kept",
    [*((), *HALVES), *(pytest.param((stage,), marks=pytest.mark.nightly) for stage in STAGES)],
)
def test_any_subset_of_the_stages_gives_its_pages(small, tmp_path, kept):
    shutil.copytree(small.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    made_run.keep_only(folder, *(name for stage in kept for name in STAGES[stage][1]))
    one = Page(write_report(folder.path).read_text(encoding="utf-8"))
    page = Page((folder.path / "details.html").read_text(encoding="utf-8"))
    for stage, (section, _) in STAGES.items():
        missing = f"vidrobust {stage} {folder.path}" in page.sections[section]
        assert missing is (stage not in kept), stage
    assert page.balanced
    assert one.balanced


def test_what_recorded_predictions_cannot_tell_is_not_asked_for(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    made_run.keep_only(folder, *STAGES["stability"][1])
    recorded = [{**m, "spec": f"predictions:{m['name']}.csv"} for m in folder.run["models"]]
    folder.update(models=recorded)
    page = Page(write_report(folder.path).with_name("details.html").read_text(encoding="utf-8"))
    for section in ("sensitive", "moments", "policy", "proxies"):
        assert NEEDS_MODEL in page.sections[section]
    for stage in ("sensitivity", "causes", "correlate", "policy"):
        assert f"vidrobust {stage} " not in page.text
    assert "vidrobust variation " in page.text


@pytest.fixture(scope="module")
def pages(small):
    """Both pages of the small run."""
    write_report(small.path)
    return {name: (small.path / name).read_bytes() for name in ("report.html", "details.html")}


def test_golden_wording_of_both_pages(small, pages):
    """Figures are masked: they have tests of their own."""
    for name, page in pages.items():
        text = Page(page.decode()).text.replace(str(small.path), "RUN")
        text = re.sub(r"\+(cpu|cu\d+)", "", text)  # the build of torch
        lines = (" ".join(line.split()) for line in re.sub(r"\d[\d.]*", "0", text).splitlines())
        masked = "\n".join(line for line in lines if line)
        masked = re.sub(r"Computed on 0 \w+", "Computed on 0 Month", masked)
        assert_golden(f"{name.removesuffix('.html')}_page.txt", masked)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no run\.json"):
        write_report(tmp_path)


def test_a_broken_file_is_named(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "run")
    (tmp_path / "run" / "policy.json").write_text("{")
    before = (tmp_path / "run" / "report.html").read_bytes()
    with pytest.raises(InputError, match=r"policy\.json: cannot be read"):
        write_report(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_bytes() == before


def test_the_same_run_gives_the_same_page(small, pages):
    write_report(small.path)
    assert {name: (small.path / name).read_bytes() for name in pages} == pages
    assert not list(small.path.glob("*.part"))


def test_many_items_fit(tmp_path):
    folder = made_run.make(
        tmp_path / "many", items=42, frames=6, studied=1,
        perturbations=("brightness", "jpeg"), conclude=False,
    )  # fmt: skip
    path = write_report(folder.path)
    assert path.stat().st_size < html.LARGEST_BYTES
    assert "And 36 more" in Page(path.read_text(encoding="utf-8")).sections["swaps"]
    path = path.with_name("details.html")
    assert path.stat().st_size < html.LARGEST_BYTES
    page = Page(path.read_text(encoding="utf-8"))
    assert all(f"clip {k:03d}" in page.sections["metrics"] for k in range(42))
    assert "And 2 more" in page.sections["inputs"]
    assert "42 clips" in page.text


def weights_of(page):
    return [len(found["src"]) for tag, found in Page(page).tags if tag == "img"]


def test_figures_beyond_the_size_are_left_out_and_counted(small, tmp_path, monkeypatch):
    shutil.copytree(small.path, tmp_path / "run")
    kept = (*STAGES["stability"][1], *STAGES["sensitivity"][1])
    made_run.keep_only(RunFolder(tmp_path / "run"), *kept)
    tables = RunTables(tmp_path / "run")
    half = sum(weights_of(html.details(tables, html.shared_content(tables)))) // 2
    monkeypatch.setattr(html, "LARGEST_BYTES", html.REST_BYTES + half)
    page = html.details(tables, html.shared_content(tables))
    assert half > 0
    assert not weights_of(page)
    assert "Figures left out to keep this file below 15 MB: 1" in page


def test_the_report_needs_no_torch(small, tmp_path):
    shutil.copytree(small.path, tmp_path / "run")
    made_run.keep_only(RunFolder(tmp_path / "run"), "frames", "pairs", "stability")
    code = (
        "import sys, pathlib\nfrom vidrobust.stages.report.page import write_report\n"
        f"write_report(pathlib.Path({str(tmp_path / 'run')!r}))\n"
        "sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
