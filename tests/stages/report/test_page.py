"""The page as a whole: whole or absent, offline, escaped, with the numbers of the tables, whatever has run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need
from tests.stages.report import made_run
from tests.stages.report.conftest import Page
from vidrobust.errors import InputError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.report import page as html
from vidrobust.stages.report.page import write_report
from vidrobust.stages.variation.observed import OF_WIDTH
from vidrobust.text.numbers import number, one_in, percent, percent_interval

SECTIONS = (
    "answer", "stable", "moments", "sensitive", "proxies", "policy", "time", "metrics", "curves", "correlation",
    "causes", "variation", "excluded", "inputs", "models", "settings",
)  # fmt: skip
LOADS = ("src", "href", "srcset", "poster", "data", "action", "background")


def test_every_section_is_there_and_reached_from_the_contents(page: Page) -> None:
    ids = [found["id"] for tag, found in page.tags if tag == "section"]
    assert set(SECTIONS) <= set(ids)
    assert len(ids) == len(set(ids))
    links = {found["href"] for tag, found in page.tags if tag == "a"}
    assert {f"#{name}" for name in SECTIONS} <= links
    assert links <= {f"#{name}" for name in ids}
    assert page.balanced


def test_the_page_loads_nothing(page: Page) -> None:
    assert not any(tag in ("script", "link", "iframe", "object", "embed") for tag, _ in page.tags)
    for tag, found in page.tags:
        for name in LOADS:
            value = found.get(name, "data:")
            assert value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
        assert not any(name.startswith("on") for name in found)
    assert "url(" not in (Path(html.__file__).parent / "templates" / "style.css").read_text()


def test_a_policy_forbids_whatever_a_name_could_bring_in(page: Page) -> None:
    """Pictures and styles inside the page, and nothing else: no script, no address, no form."""
    (policy,) = (f["content"] for _, f in page.tags if f.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules
    tags = [tag for tag, _ in page.tags]
    assert tags.index("style") > next(k for k, (_, f) in enumerate(page.tags) if "http-equiv" in f)


def test_every_figure_has_words(page: Page) -> None:
    images = [found for tag, found in page.tags if tag == "img"]
    assert len(images) > 20
    assert all(found["alt"] for found in images)
    figures = sum(tag == "figure" for tag, _ in page.tags)
    assert figures == sum(tag == "figcaption" for tag, _ in page.tags) >= 12


def test_names_are_escaped(made: RunFolder, page: Page) -> None:
    text = (made.path / "report.html").read_text(encoding="utf-8")
    assert "line <3>" not in text
    assert "line <3>" in page.text
    assert "<M6>" not in text
    assert 'bolt <M6> & "nut"' in made.table("frames")["label_name"].to_numpy()


def test_no_number_is_nan(page: Page) -> None:
    own = " ".join(
        page.sections[name] for name in SECTIONS if name not in ("policy", "proxies", "correlation")
    )
    assert not re.search(r"\b(nan|None|inf)\b", own)


def test_numbers_are_those_of_the_tables(made: RunFolder, page: Page) -> None:
    stability, pairs = made.table("stability"), made.table("pairs")
    whole = stability[(stability["item"] == "") & (stability["metric"] == "flip_rate")].set_index("model")
    usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    for model in ("net-a", "net-b"):
        row = whole.loc[model]
        flips = int(usable.loc[usable["model"] == model, "label_flip"].sum())
        for said in (
            f"{flips} flip",
            f"in {len(usable) // 2} pairs",
            one_in(row["value"]),
            f"{percent(row['value'])} [{percent_interval(row['low'], row['high'])}]",
        ):
            assert said in page.sections["stable"]
    worst = json.loads((made.path / "moments.json").read_text())["moments"][0]
    for said in (
        percent(worst["probability_a"]),
        percent(worst["probability_b"]),
        f"frame {worst['frame_a']}",
    ):
        assert said in page.sections["moments"]


def test_verdicts_are_those_of_the_correlation_table(made: RunFolder, page: Page) -> None:
    table = made.table("correlation")
    verdicts = (
        table[table["primary"]].drop_duplicates(["across", "model", "perturbation"])["verdict"].value_counts()
    )
    (header, *rows) = [
        re.findall(r"<td>(.*?)</td>", row, re.S)
        for row in re.search(
            r'<section id="proxies">.*?<table>(.*?)</table>', (made.path / "report.html").read_text(), re.S
        )[1].split("</tr>")  # type: ignore[index]
        if "<td>" in row or "<th>" in row
    ]
    assert not header
    for place, verdict in enumerate(("proxy", "no evidence", "cannot tell"), start=1):
        said = sum(int(found[1]) for row in rows if (found := re.match(r"<b>(\d+)</b>", row[place])))
        assert said == verdicts.get(verdict, 0)


def test_the_policy_is_that_of_the_files(made: RunFolder, page: Page) -> None:
    policy = json.loads((made.path / "policy.json").read_text())
    text = page.sections["policy"]
    for step in policy["steps"]:
        assert percent(step["probability"]) in text
        in_percent = step["unit"].startswith("relative ") or step["unit"] == OF_WIDTH
        high = 100 * step["high"] if in_percent else step["high"]
        assert number(high, 3) in text
    for rejected in policy["rejected"]:
        assert rejected["reason"] in text
    assert all(family in text for family in policy["evaluation_only"])
    assert policy["steps"], "the made run is meant to have a step, so that this test can fail"


def test_what_could_not_be_read_is_said_first(page: Page) -> None:
    assert "1 input could not be read" in page.text
    assert page.text.index("1 input could not be read") < page.text.index("How stable?")
    assert "absent.mp4: no such file" in page.sections["inputs"]
    assert "notes.txt" in page.sections["inputs"]


STAGES = {
    "stability": ("stable", ("frames", "pairs", "stability")),
    "sensitivity": ("sensitive", ("sensitivity",)),
    "variation": ("variation", ("variation", "changes")),
    "causes": ("causes", ("causes", "candidate_fits", "account", "account_by", "named", "moments")),
    "correlate": ("proxies", ("correlation", "correlation_matrix")),
    "policy": ("policy", ("policy",)),
}


@pytest.mark.parametrize("kept", [(), *((stage,) for stage in STAGES), ("stability", "causes", "policy")])
def test_any_subset_of_the_stages_gives_a_page(
    made: RunFolder, tmp_path: Path, kept: tuple[str, ...]
) -> None:
    shutil.copytree(made.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    made_run.keep_only(folder, *(name for stage in kept for name in STAGES[stage][1]))
    page = Page(write_report(folder.path).read_text(encoding="utf-8"))
    for stage, (section, _) in STAGES.items():
        missing = f"This stage has not run: vidrobust {stage} {folder.path}" in page.sections[section]
        assert missing is (stage not in kept), stage
    assert page.balanced


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no run\.json"):
        write_report(tmp_path)


def test_a_broken_file_is_named(made: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(made.path, tmp_path / "run")
    (tmp_path / "run" / "policy.json").write_text("{")
    before = (tmp_path / "run" / "report.html").read_bytes()
    with pytest.raises(InputError, match=r"policy\.json: cannot be read"):
        write_report(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_bytes() == before


def test_the_same_run_gives_the_same_page(made: RunFolder) -> None:
    first = (made.path / "report.html").read_bytes()
    assert write_report(made.path).read_bytes() == first
    assert not list(made.path.glob("*.part"))


def test_a_hundred_items_fit(tmp_path: Path) -> None:
    folder = made_run.make(
        tmp_path / "many", models=("a", "b", "c"), items=100, frames=24, studied=1,
        perturbations=("brightness", "jpeg"), conclude=False,
    )  # fmt: skip
    path = write_report(folder.path)
    assert path.stat().st_size < html.LARGEST_BYTES
    page = Page(path.read_text(encoding="utf-8"))
    assert "Drawn are the 8 least stable of 100 items" in page.sections["time"]
    assert "the 20 least stable of 100 items" in page.sections["metrics"]
    assert "And 60 more" in page.sections["inputs"]
    assert "100 items" in page.text


def test_figures_beyond_the_size_are_left_out_and_counted(
    made: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.path, tmp_path / "run")
    monkeypatch.setattr(html, "LARGEST_BYTES", 4_000_000)
    path = write_report(tmp_path / "run")
    assert path.stat().st_size < 4_000_000
    assert re.search(r"\d+ figure\(s\) were left out", path.read_text(encoding="utf-8"))


def test_the_report_needs_no_torch(made: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(made.path, tmp_path / "run")
    made_run.keep_only(RunFolder(tmp_path / "run"), "frames", "pairs", "stability", "variation")
    code = (
        "import sys, pathlib\nfrom vidrobust.stages.report.page import write_report\n"
        f"write_report(pathlib.Path({str(tmp_path / 'run')!r}))\n"
        "sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


MEASURE = """<script>window.onload = () => { const wide = [...document.querySelectorAll("main *")].filter(
 e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".wide")).length;
 document.title = JSON.stringify({wide, images: document.images.length,
 broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).length}); }</script>"""


@pytest.mark.parametrize("width", [1280, 420])
def test_a_browser_shows_it(made: RunFolder, page: Page, tmp_path: Path, width: int) -> None:
    """All pictures decode, nothing runs out of the window: told by a script, which the page's policy forbids."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    need(program, "chromium is not installed")
    assert program
    text = (made.path / "report.html").read_text(encoding="utf-8")
    strict, open_ = "default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'"
    assert strict in text
    titles = []
    for policy in (strict, open_):
        shown = text.replace(strict, policy).replace("</body>", MEASURE + "</body>")
        (tmp_path / "page.html").write_text(shown, encoding="utf-8")
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
             f"--window-size={width},2000", "--dump-dom", f"file://{tmp_path / 'page.html'}"],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        titles.append(Page(done.stdout).text.strip().split("\n")[0])
    assert titles[0].endswith("video robustness")
    found = json.loads(titles[1])
    assert found == {"wide": 0, "images": sum(tag == "img" for tag, _ in page.tags), "broken": 0}
