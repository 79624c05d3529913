"""The documentation builds as a site without a warning, and the notebook runs from its first cell to its last."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from vidrobust.cli.app import cli

pytestmark = pytest.mark.nightly
DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "tutorials" / "notebook.ipynb"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS)]
    command += [str(out / "html"), "-d", str(out / "doctrees")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_the_first_page_leads_to_the_tutorials(site):
    page = (site / "index.html").read_text(encoding="utf-8")
    for path in (DOCS / "tutorials").iterdir():
        assert f"tutorials/{path.stem}.html" in page


def test_every_command_and_every_option_stands_on_a_page(site):
    paths = (site / "commands").glob("*.html")
    pages = " ".join(path.read_text(encoding="utf-8") for path in paths)
    for name, command in cli.commands.items():
        assert f"vidrobust {name}" in pages
        for parameter in command.params:
            for flag in [f for f in parameter.opts if f.startswith("--")]:
                assert flag in pages, f"{name} {flag}"


def test_the_notebook_runs_and_shows_what_it_showed_when_it_was_saved():
    saved = nbformat.read(NOTEBOOK, as_version=4)
    again = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(again, timeout=250, kernel_name="python3").execute()
    said = [_shown(cell) for cell in again.cells if cell.cell_type == "code"]
    # the flip rate
    assert said[1] == _shown([cell for cell in saved.cells if cell.cell_type == "code"][1])
    assert "line-classifier: unstable" in said[2]


def _shown(cell):
    outs = cell.outputs
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outs)
