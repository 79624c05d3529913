"""Options come from the stages: what a command shows, its stages use, and what they use, it shows."""

import ast
import functools
import inspect
import re
import textwrap
from pathlib import Path

import click
import pytest

from tests.pipeline.conftest import run
from vidrobust.cli.app import RUNS, STUDY, TOOLS, cli
from vidrobust.cli.options import GroupedCommand
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings, all_declarations
from vidrobust.stages.catalogue import STAGES

ROOT = Path(__file__).parents[2]


def flags(name):
    """The settings that are options of a command."""
    options = (p for p in cli.commands[name].params if isinstance(p, click.Option))
    return {p.name for p in options if p.name is not None}


def test_each_setting_is_one_option():
    options = [p.name for p in cli.commands["study"].params if isinstance(p, click.Option)]
    settings = {each.name for each in all_declarations()}
    assert settings | {"model"} <= set(options)
    assert len(options) == len(set(options))


@pytest.mark.parametrize(
    "stage", [stage for stage in STAGES.stages if stage.command], ids=lambda s: s.name
)
def test_a_stage_has_the_options_that_it_and_what_it_needs_depend_on(stage):
    stages = STAGES.with_needs([stage.name])
    used = {name for each in stages for name in each.all_settings}
    of_stages = {each.name for each in all_declarations() if each.used_by == "stage"}
    assert flags(stage.name) & of_stages == used & of_stages


def test_a_command_without_a_model_has_none_of_its_options():
    assert not {"model", "batch", "engine", "pairs", "fail_if", "max_delay"} & flags("variation")
    assert {"device", "start_s", "seed"} <= flags("variation")
    assert not {"start_s", "model", "workers"} & flags("report")


def test_the_usual_options_of_a_study_fit_on_one_screen(printed):
    text = printed(0, "study", "--help").out
    assert len(text.splitlines()) <= 40
    assert "--model" in text
    assert "--max-gap" not in text
    assert "--max-gap" in printed(0, "study", "--help-all").out


def walk(command, name=""):
    """Every command that is no group, by its whole name."""
    if isinstance(command, click.Group):
        for each, found in command.commands.items():
            yield from walk(found, f"{name} {each}".strip())
    else:
        yield name, command


COMMANDS = dict(walk(cli))
OF_METAVAR = {
    "N": "",  # a count of what the help begins with, a number of it, or a seed
    "K": "",
    "S": "seconds",
    "US": "µs",
    "MS": "ms|[Mm]illiseconds",
    "PX": "px",
    "SHARE": "[Ss]hare",
    "SCORE": "0 to 1",
    "RATE": "0 to 1|learning rate",
    "KAPPA": "0 to 1",
    "IOU": "IoU",
    "PERCENT": "%",
    "P": "p-value",
    "F": "per second|Millimetres a pixel",
    "X": "factor|unit of the values",
    "W": "unit of the values",
    "SD": "unit of the values",
    "U": "unit of the values",
}
"""What the help of a number says of its unit, by what stands for the number."""
ONLY_IF_GIVEN = re.compile(
    r"FILE.*|DIR|PATH|PLACE|CSV|TOML|IMAGE|OUT\.mp4|RULE|METRIC|CLASS.*|ROLE=.*|X,Y,W,H|X1,Y1,X2,Y2|WHAT|SPEC|N"
)
"""Values of which there is none until one is given: files, rules, classes, zones."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_path_that_is_empty_is_refused(name):
    """As of a shell's variable that was not set."""
    for parameter in COMMANDS[name].params:
        if isinstance(parameter.type, click.Path):
            with pytest.raises(click.BadParameter, match="expected a path, got nothing"):
                parameter.type.convert("", parameter, None)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_its_unit_and_default(name):
    context = click.Context(COMMANDS[name])
    for option in COMMANDS[name].params:
        if (
            not isinstance(option, click.Option)
            or option.is_flag
            or (help_ := option.get_help_record(context)) is None
        ):
            continue
        says, metavar = help_[1], option.metavar or option.type.name.upper()
        if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType):
            assert metavar in OF_METAVAR, f"{option.opts}: what stands for the number?"
            assert re.search(OF_METAVAR[metavar], says), f"{option.opts}: in which unit? {says}"
            told = True
        else:
            given = ONLY_IF_GIVEN.fullmatch(metavar)
            told = option.to_info_dict()["default"] is not None or not given
        if told and not option.required:
            assert "[default: " in says, f"{option.opts}: what without it? {says}"


@functools.cache
def loaded_names():
    """Every attribute that the work reads: of the settings' own module what its public methods read."""
    places = []
    for path in (ROOT / "vidrobust").rglob("*.py"):
        tree = ast.parse(path.read_text())
        if path.name == "settings.py":
            functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
            places += [each for each in functions if not each.name.startswith("_")]
        elif "cli" not in path.relative_to(ROOT).parts:
            places.append(tree)
    return set().union(*map(_attributes, places))


def _attributes(tree):
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in found if isinstance(node.ctx, ast.Load)}


def test_every_setting_is_read_by_the_work():
    assert {each.name for each in all_declarations()} <= loaded_names()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_read_by_its_command(name):
    """By its name, or as one of those that are handed on: then it is a setting, or taken out by its name there.

    A record that takes some of them is read in the module of the command.
    """
    command = COMMANDS[name]
    function = inspect.unwrap(command.callback)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    body = [node for part in tree.body for node in ast.walk(part)]
    names = (node for node in body if isinstance(node, ast.Name))
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    arguments = {each.arg for each in (*tree.args.args, *tree.args.kwonlyargs)}
    assert arguments <= read
    handed_on = {p.name for p in command.params if p.expose_value} - {None, *arguments}
    assert not handed_on or (tree.args.kwarg is not None and tree.args.kwarg.arg in read)
    settings = {each.name for each in all_declarations()} | {"model"}
    own = ast.parse(Path(inspect.getfile(function)).read_text())
    assert handed_on <= settings | _words() | loaded_names() | _attributes(own)


@functools.cache
def _words():
    """Every string of the commands' modules and of the plugins."""
    package = ROOT / "vidrobust"
    paths = [*(package / "cli").rglob("*.py"), *(package / "plugins").rglob("*.py")]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["causes", "RUN", "--config=study.toml"], "--config"),
        (["stability", "RUN", "--overwrite"], "--overwrite"),
        (["correlate", "RUN", "--across=clips"], "--across"),
        (["correlate", "RUN", "RUN", "--out=x", "--frames=3"], "--frames"),
        (["perturbations", "--seed=3"], "--seed"),
        (["repeatability", "--gauge=a.csv", "--fps=3"], "--fps"),
        (["repeatability", "--gauge=a.csv", "--overwrite"], "--overwrite"),
        (["repeatability", "RUN", "--config=study.toml"], "--config"),
        (["repeatability", "RUN", "--case=same"], "--case"),
        (["perturbations", "--render=a.png", "--out=x", "--json"], "--json"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_what_would_change_nothing_is_refused(tmp_path, capsys, arguments, flag):
    folder = RunFolder.create(tmp_path / "run", Settings()).path
    assert run(*(str(folder) if word == "RUN" else word for word in arguments)) == 2
    assert f"{flag}: changes nothing " in capsys.readouterr().err


def test_every_command_of_the_core_stands_in_one_of_three_sections():
    sections = {entry.name: entry.section for entry in cli.commands.entries.values()}
    assert {sections[name] for name in ("study", "show", "doctor")} == {STUDY, RUNS, TOOLS}
    assert set(sections) == set(cli.commands)
    assert isinstance(cli.commands["study"], GroupedCommand)


def test_each_entry_loads_the_command_of_its_name():
    assert all(command.name == name for name, command in cli.commands.items())
