"""The plugins of this package and of others: what they bring, what happens where one is broken or all are gone."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.apart import ended, install
from tests.pipeline.conftest import run
from tests.shrunk import shrink
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

GREETING = """
import click
from vidrobust.cli.command_entry import CommandEntry, at


@click.command()
def salute():
    click.echo("hello")


COMMANDS = (
    CommandEntry(name="salute", section="Courtesy", help="Say hello.", load=at("greeting:salute")),
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


FAILING = """
from vidrobust.pipeline.stage import TableStage
from vidrobust.report.section import ReportSection
from vidrobust.run_folder.gates import FigureSource
from vidrobust.stages.stability.stage import STABILITY


class Failing(TableStage):
    name, version, needs, files = "failing", 1, (STABILITY,), ("failing.json",)

    def make(self, run):
        raise RuntimeError("\\x1b[31mred")


def details(run, keep):
    raise RuntimeError("\\x1b[31mred")


def figures(folder):
    raise RuntimeError("\\x1b[31mred")


STAGE = Failing()
SHOWN = (
    ReportSection(name="failing", question="?", after="stable", details=details),
    FigureSource(name="failing", knows="looseness".__eq__, of_run=figures, sections=(), bare=()),
)
"""


REFUSE = """
import importlib.abc


class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("vidrobust.plugins.gauge.report"):
            raise ImportError(name + " is broken")


sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def printed(public_clips, tmp_path_factory):
    """What the program prints beside three packages, by the first words of the command.

    One has a plugin that works, one that cannot be imported and one whose commands are taken; one is that of the
    documents; stage, section and figures of the last raise. Of the gauge plugin the pages are broken.
    """
    folder = tmp_path_factory.mktemp("site")
    install(folder, "greeting", ENTRY_POINTS, "2.5")
    page = (Path(__file__).parents[1] / "docs" / "adding-a-plugin.md").read_text(encoding="utf-8")
    parts = (page.partition(f"```{kind}\n")[2] for kind in ("toml", "python"))
    toml, code = (part.partition("```")[0] for part in parts)
    groups = tomllib.loads(toml)["project"]["entry-points"]
    points = [f"[{group}]\nhello = {at['hello']}\n" for group, at in groups.items()]
    install(folder, "hello", "".join(points))
    points = ["[vidrobust.stages]\nfailing = failing:STAGE\n"]
    points += ["[vidrobust.sections]\nfailing = failing:SHOWN\n"]
    install(folder, "failing", "".join(points))
    for name, module in (("greeting", GREETING), ("hello", code), ("failing", FAILING)):
        (folder / f"{name}.py").write_text(module)
    clip = str(shrink(public_clips / "line-flour-bags.gif", folder))
    commands = {
        "plugins": ("plugins", "--json"),
        "--help": ("--help",),
        "salute": ("salute",),
        "part": ("part",),
        "hello": ("hello", "--help"),
        "stability": ("stability", clip, "-mtests.fuzz.tiny:model", "--end-s=0.3", "-orun", "-q"),
        "failing": ("failing", "run"),
        "report": ("report", "run"),
        "report older": ("report", "older"),
        "show older": ("show", "older"),
        "gate": ("gate", "run", "--fail-if", "looseness > 30"),
    }
    older = RunFolder.create(folder / "older", Settings())
    net = {"name": "net", "spec": "net", "task": "classification"}
    older.update(models=[net], inputs=[{"item": "clip", "path": "clip.mp4"}])
    older.write_json("repeatability.json", {"of": "older answers"})  # for which the gauge is asked
    return dict(zip(commands, ended(folder, *commands.values(), before=REFUSE), strict=True))


def test_a_command_of_another_package_is_listed_and_runs(printed):
    listed, greeted = printed["--help"], printed["salute"]
    assert listed.out.index("Courtesy:") < listed.out.index("salute") < listed.out.index("Tools:")
    assert greeted.out == "hello\n"


def test_a_broken_plugin_is_named_once_and_stops_nothing(printed):
    """The package ``gone`` is missing for two groups; ``greeting`` and ``again`` name the same commands."""
    done = printed["plugins"]
    assert done.code == 0
    plugins = {each["name"]: each for each in json.loads(done.out) if each["package"] == "greeting"}
    assert {each["version"] for each in plugins.values()} == {"2.5"}
    assert plugins["again"]["brings"] == {"commands": ["salute", "part"]}
    assert plugins["gone"]["error"].count("ModuleNotFoundError") == 2
    assert "'salute'" in plugins["greeting"]["error"]
    assert "misspelt" in plugins["greeting"]["error"]
    warned = [line for line in done.err.splitlines() if "gone" in line]
    assert len(warned) == 1
    assert "greeting 2.5" in warned[0]


def test_a_command_that_cannot_be_imported_ends_with_one_line(printed):
    done = printed["part"]
    assert done.code == 3
    assert "Traceback" not in done.err
    assert "greeting_gone" in done.err


def test_the_plugin_of_the_documents_works(printed):
    listed = {each["name"]: each for each in json.loads(printed["plugins"].out)}
    assert listed["hello"]["error"] == ""
    brings = {"commands": ["greet"], "stages": ["hello"], "sections": ["hello"]}
    assert listed["hello"]["brings"] == brings
    assert "Count the models of a run." in printed["hello"].out


def test_a_stage_section_or_figure_of_another_package_that_raises_is_named(printed):
    codes = [printed[name].code for name in ("stability", "failing", "report", "gate")]
    assert codes == [0, 3, 0, 2]
    for name in ("failing", "report", "gate"):
        text = printed[name].out + printed[name].err
        assert "Traceback" not in text
        assert "\x1b" not in text
        assert "failing" in text


def test_a_plugin_that_cannot_be_imported_when_it_is_used_stops_neither_report_nor_answer(printed):
    report, shown = (printed[f"{name} older"] for name in ("report", "show"))
    assert (report.code, shown.code) == (0, 0)
    assert shown.out.split()[0] == "net"
    assert any("plugin 'gauge'" in each.err for each in printed.values())


def test_our_own_plugins_are_whole(capsys):
    assert run("plugins", "--json") == 0
    plugins = json.loads(capsys.readouterr().out)
    own = {each["name"]: each for each in plugins if each["package"] == "vidrobust"}
    assert set(own) >= {"finetune", "gauge", "line", "published"}
    assert {each["error"] for each in own.values()} == {""}
    assert own["gauge"]["brings"]["commands"] == ["repeatability", "plan"]
    assert own["look"]["brings"]["stages"] == ["look"]


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """A copy of the package without its plugins, whose entry points still name them, and a model."""
    root = Path(__file__).parents[1]
    folder = tmp_path_factory.mktemp("core")
    # with what is compiled already
    ignored = shutil.ignore_patterns("plugins")
    shutil.copytree(root / "vidrobust", folder / "vidrobust", ignore=ignored)
    assert not (folder / "vidrobust" / "plugins").exists()
    return folder


WITHOUT_EDITABLE = """
# an editable installation would find the plugins in the checkout
sys.meta_path = [each for each in sys.meta_path if "__editable__" not in getattr(each, "__module__", "")]
"""


def test_the_core_works_without_its_plugins_each_of_which_is_named_as_broken(core, public_clips):
    clip = str(shrink(public_clips / "line-flour-bags.gif", core))
    given = (clip, "-mtests.fuzz.tiny:model", "--end-s=1.3", "-q")
    few = ("--frames=2", "--pairs=1", "--perturbation=brightness", "--resamples=20")
    study, shown, passed, refused, remedies, all_remedies, plugins, listed = ended(
        core,
        ("study", *given, *few, "-oa"),
        ("show", "a"),
        ("gate", "a", "--fail-if", "flip_rate.n < 1"),
        ("gate", "a", "--fail-if", "percent_grr > 30"),
        ("remedies", "a", "--json"),
        ("remedies", "a", "--all"),
        ("plugins", "--json"),
        ("--help",),
        before=WITHOUT_EDITABLE,
    )
    assert study.code == 0, study
    pages = {path.name for path in (core / "a").glob("*.html")}
    assert pages == {"report.html", "details.html", "correlation.html"}
    assert shown.out.startswith("bright\n")
    assert (passed.code, refused.code) == (0, 2)
    # corrected footage is a plugin's: its rows and the option that makes them are gone with it
    assert {row["kind"] for row in json.loads(remedies.out)} == {"rule"}
    assert (all_remedies.code, remedies.code) == (2, 0)
    own = [each for each in json.loads(plugins.out) if each["package"] == "vidrobust"]
    assert len(own) >= 5
    assert all("ModuleNotFoundError" in each["error"] and not each["brings"] for each in own)
    assert "repeatability" not in listed.out
    # a plugin adds what these two write; the stages have their commands without it
    assert all(f"  {name} " in listed.out for name in ("gate", "boxes", "remedies"))


def test_the_gauge_plugin_on_tables_imports_neither_torch_nor_opencv():
    names = ("", ".plugin", ".figures", ".studies", ".words", ".certificate")
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    assert not {'torch', 'cv2'} & set(sys.modules), name"
    gauge = "vidrobust.plugins.gauge"
    modules = [gauge + name for name in (*names, ".report.repeatability_section")]
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
