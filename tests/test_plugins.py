"""The plugins of this package and of others: what they bring, what happens where one is broken or all are gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GREETING = """
import click
from vidrobust.cli.command_entry import CommandEntry, at


@click.command()
def greet():
    click.echo("hello")


COMMANDS = (
    CommandEntry(name="greet", section="Courtesy", help="Say hello.", load=at("greeting:greet")),
    CommandEntry(name="part", section="Courtesy", help="Say good-bye.", load=at("greeting_gone:part")),
)
"""
ENTRY_POINTS = """
[vidrobust.commands]
greeting = greeting:COMMANDS
gone = gone:COMMANDS
again = greeting:COMMANDS
[vidrobust.tables]
gone = gone:TABLES
[vidrobust.misspelt]
greeting = greeting:COMMANDS
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a plugin that works, one that cannot be imported and one whose commands are taken."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "greeting.py").write_text(GREETING)
    info = folder / "greeting-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def vidrobust(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "vidrobust", *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)


def test_a_command_of_another_package_is_listed_and_runs(folder: Path) -> None:
    listed = vidrobust(folder, "--help").stdout
    assert listed.index("Courtesy:") < listed.index("greet") < listed.index("Tools:")
    assert vidrobust(folder, "greet").stdout == "hello\n"


def test_a_broken_plugin_is_named_once_and_stops_nothing(folder: Path) -> None:
    """The package ``gone`` is missing for two groups; ``greeting`` and ``again`` name the same commands."""
    done = vidrobust(folder, "plugins", "--json")
    assert done.returncode == 0
    plugins = {each["name"]: each for each in json.loads(done.stdout) if each["package"] == "greeting"}
    assert {name: each["version"] for name, each in plugins.items()} == dict.fromkeys(plugins, "2.5")
    assert plugins["again"]["brings"] == {"commands": ["greet", "part"]}
    assert plugins["gone"]["error"].count("ModuleNotFoundError") == 2
    assert "'greet'" in plugins["greeting"]["error"]
    assert "misspelt" in plugins["greeting"]["error"]
    warned = [line for line in done.stderr.splitlines() if "gone" in line]
    assert len(warned) == 1
    assert "greeting 2.5" in warned[0]


def test_a_command_that_cannot_be_imported_ends_with_one_line(folder: Path) -> None:
    done = vidrobust(folder, "part")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "greeting_gone" in done.stderr


def test_our_own_plugins_are_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vidrobust", "plugins", "--json"], capture_output=True, text=True, check=True
    )
    own = {each["name"]: each for each in json.loads(done.stdout) if each["package"] == "vidrobust"}
    assert set(own) >= {"finetune", "gauge", "line", "published", "unknown"}
    assert {each["error"] for each in own.values()} == {""}
    assert own["gauge"]["brings"]["commands"] == ["repeatability", "passes", "plan"]
    assert own["unknown"]["brings"]["stages"] == ["unknown"]


BROKEN = """
import importlib.abc, sys


class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith(REFUSED):
            raise ImportError(name + " is broken")


GAUGE = "vidrobust.plugins.gauge."
REFUSED = ("vidrobust.plugins.unknown.section", GAUGE + "report", GAUGE + "kept_study")
sys.meta_path.insert(0, Refuse())
from pathlib import Path
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.finished_runs.gate import gates_on
from vidrobust.run_folder.gates import parse_gate
from vidrobust.stages.report.answer import text_of
from vidrobust.stages.report.page import write_report

folder = RunFolder.create(Path("run"), Settings())
folder.update(models=[{"name": "net", "spec": "net", "task": "classification"}])
print(write_report(folder.path).name, text_of(RunTables(folder.path)).split()[0])
print(gates_on(folder, [parse_gate("percent_grr > 30")])[0].outcome)
"""


def test_a_plugin_that_fails_when_it_is_used_stops_neither_report_nor_answer_nor_gate(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["report.html net", "not computed"], done.stderr
    named = [line.partition("'")[2].partition("'")[0] for line in done.stderr.splitlines()]
    assert sorted(named) == ["gauge", "unknown"]
