"""The documents and the tree agree: links lead somewhere, files that are named exist, and so do their headings."""

import re
import runpy
import tomllib
from pathlib import Path

import click
import pytest

from vidrobust.cli.app import cli
from vidrobust.stages.catalogue import STAGES

ROOT = Path(__file__).parents[1]
MADE = {ROOT / "docs" / name for name in ("commands", "generated")}
"""Folders that the build of the site writes."""
WHERE = ("docs", "datasets", "tests")
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "reports").glob("*.md")]
DOCUMENTS += [path for name in WHERE for path in (ROOT / name).rglob("*.md")]
DOCUMENTS = sorted(path for path in DOCUMENTS if path.parent not in MADE)
FOLDERS = ("vidrobust", "benchmarks", "tests", "docs", "datasets", "reports")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")


def relative(path):
    return str(path.relative_to(ROOT))


def links(text):
    """The targets of links that lead to files of this repository."""
    inside = [link for link in LINK.findall(text) if "://" not in link]
    return [link for link in inside if not link.startswith("mailto:")]


def paths(text):
    """Files and folders of this repository that stand in backticks, alone or in a command; no patterns."""
    words = " ".join(CODE.findall(text)).replace(",", " ").split()
    return [w for w in words if PATH.fullmatch(w) and "NAME" not in w and "DIR" not in w]


def anchors(text):
    """The headings as a link writes them: lower case, dashes for spaces, nothing but letters and digits."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_links_and_paths_are_recognised():
    text = "[a](b/c.md#d) [w](https://x.y/z) `vidrobust/cli/app.py` `python benchmarks/rates.py --only x` `runs/x`"
    assert links(text) == ["b/c.md#d"]
    assert paths(text) == ["vidrobust/cli/app.py", "benchmarks/rates.py"]
    text = "`vidrobust show RUN`\n```\n- run: vidrobust study x\n```\n\n    vidrobust demo -q\nvidrobust is a tool"
    assert commands(text) == ["vidrobust study x", "vidrobust demo -q", "vidrobust show RUN"]
    assert anchors("# Two words, and `code`\n") == {"two-words-and-code"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(document):
    for link in links(document.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{relative(document)} links to {link}"
        if anchor:
            found = anchors(target.read_text(encoding="utf-8"))
            assert anchor in found, f"{relative(document)}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_named_files_exist(document):
    for path in paths(document.read_text(encoding="utf-8")):
        if not path.startswith("reports/"):  # those are made by the reader's own runs
            assert (ROOT / path).exists(), f"{relative(document)} names {path}"


def test_the_files_that_the_architecture_names_are_in_the_package():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+(?:/[a-z_0-9]+)*(?:/|\.py|\.toml))`", text)
    assert len(named) > 60
    places = (ROOT / "vidrobust", ROOT)
    assert all(any((place / path).exists() for place in places) for path in named), named


def commands(text):
    """Uses of the command line: in backticks, and lines of blocks of code that begin with it."""
    blocks = re.findall(r"^```.*?^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += [line.strip() for line in text.splitlines() if line.startswith("    ")]
    lines = [re.sub(r"^(- )?(run|script): ", "", line) for line in lines]
    return [code for code in (*lines, *CODE.findall(text)) if code.startswith("vidrobust ")]


def test_the_architecture_lists_every_plugin():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    plugins = {path.name for path in (ROOT / "vidrobust/plugins").iterdir() if path.suffix == ".py"}
    plugins |= {path.parent.name for path in (ROOT / "vidrobust/plugins").glob("*/__init__.py")}
    assert [
        name for name in sorted(plugins - {"__init__.py"}) if f"plugins/{name}" not in text
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_named_commands_and_options_exist(document):
    for code in commands(document.read_text(encoding="utf-8")):
        name = code.split()[1]
        assert name in cli.commands, f"{relative(document)}: {code}"
        known = _options(cli.commands[name])
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", code.partition("#")[0]))
        assert used <= known, f"{relative(document)}: {code}"


def _options(command):
    """Of a command, and of those below it."""
    own = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return own.union(*map(_options, below), {"--help"})


def test_every_page_of_the_docs_is_linked():
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for link in links(document.read_text(encoding="utf-8"))
    }
    pages = {path for path in DOCUMENTS if path.is_relative_to(ROOT / "docs")}
    assert sorted(map(relative, pages - linked)) == []


def test_every_script_of_make_exists():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r'"([a-z_]+)[ "]', text.partition("\nbench:")[2].partition("\nclean:")[0])
    assert len(named) > 3
    for name in named:
        assert (ROOT / "benchmarks" / f"{name}.py").is_file(), name


def test_the_architecture_has_the_layers_that_the_linter_checks():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = (
        text.partition("## Layers")[2].partition("|---|")[2].partition("\n\n")[0].splitlines()[1:]
    )
    named = [{name.rstrip("/") for name in CODE.findall(row.split("|")[1])} for row in rows]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert named == [set(layer.split(" | ")) for layer in reversed(layers) if layer != "plugins"]


def test_the_readme_is_short():
    """At most 90 lines, and no sentence of more than 30 words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    prose = re.sub(r"```.*?```|<!--.*?-->|^#[^\n]*$", "\n\n", text, flags=re.MULTILINE | re.DOTALL)
    parts = re.split(r"[.?!](?:\*\*)?\s|\n\n|^\* ", LINK.sub("]", prose), flags=re.MULTILINE)
    assert len(parts) > 30
    assert [part for part in parts if len(part.split()) > 30] == []


def test_the_demos_answer_is_the_generated_one_wherever_it_is_shown():
    made = runpy.run_path(str(ROOT / "docs" / "demo_answer.py"))
    answer, session = (made[name].read_text(encoding="utf-8") for name in ("ANSWER", "SESSION"))
    assert made["with_blocks"](
        "<!-- demo_python -->\nold\n<!-- /demo_python -->", answer, session
    ) == (made["block"]("demo_python", session, "pycon"))
    for page in made["PAGES"]:
        text = page.read_text(encoding="utf-8")
        assert made["block"]("demo_answer", answer) in text
        assert made["with_blocks"](text, answer, session) == text


def test_the_run_folders_page_names_every_stage_and_file():
    named = set(CODE.findall((ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")))
    assert {stage.name for stage in STAGES.stages if stage.name not in named} == set()
    assert {file for stage in STAGES.stages for file in stage.files if file not in named} == set()


def test_readme_names_the_commands_that_ci_runs_and_how_long_they_take():
    names = ("README.md", ".ci/run", "CONTRIBUTING.md")
    readme, ci, contributing = ((ROOT / name).read_text(encoding="utf-8") for name in names)
    assert ci.splitlines().index("make setup") < ci.splitlines().index("make test")
    told = re.search(r"`make setup` .* `make test` runs them \((.* on two cores)\)", readme)
    listed = re.search(r"^make test +# (\w+ minutes on two cores)", contributing, re.MULTILINE)
    assert told[1] == listed[1]
