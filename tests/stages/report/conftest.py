"""A made run that all tests of the page share, and its page taken apart."""

from html.parser import HTMLParser

import pytest

from tests.stages.report import made_run
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.report.page import write_report

VOID = {"meta", "img", "br", "link", "input", "hr", "source"}


class Page(HTMLParser):
    """The page's text by section, every tag's attributes, and whether the tags are balanced."""

    def __init__(self, html):
        super().__init__()
        self.sections = {}
        self.tags = []
        self.text = ""
        self.balanced = True
        self._open = []
        self.feed(html)
        self.balanced = self.balanced and not self._open

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found.get("id", "") if tag == "section" else ""))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop()[0] != tag:
            self.balanced = False

    def handle_data(self, data):
        if any(tag in ("style", "script") for tag, _ in self._open):
            return
        data = data.replace("\u00a0", " ")
        self.text += data
        for _, section in self._open:
            if section:
                self.sections[section] = self.sections.get(section, "") + data


@pytest.fixture(scope="session")
def made(made_once):
    """Two models, three items, every stage, and both pages; not to be changed."""
    name = "line <3>"

    def make(base):
        kinds = ("brightness", "translation", "gaussian_noise", "jpeg")
        of = {"items": 3, "frames": 60, "studied": 12, "perturbations": kinds}
        made_run.make(base / name, models=("net-a", "net-b"), **of)
        write_report(base / name)

    return RunFolder(made_once("reported", make) / name)


@pytest.fixture(scope="session")
def page(made):
    """The one page of the made run."""
    return Page((made.path / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def details(made):
    """The details of the made run."""
    return Page((made.path / "details.html").read_text(encoding="utf-8"))
