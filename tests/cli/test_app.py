"""The command line as a user meets it: every command, every option, every exit code."""

import json
import re
from pathlib import Path

import click
import pytest

from tests.pipeline.conftest import NETS, run
from tests.shrunk import shrink
from vidrobust.cli.app import cli
from vidrobust.cli.options import GroupedCommand
from vidrobust.run_folder.folder import RunFolder

pytestmark = pytest.mark.usefixtures("without_figures")
README = (Path(__file__).parents[2] / "README.md").read_text()

NET, CLIP = NETS[0], "factory/flour_bag_conveyor_output.gif"


@pytest.fixture(scope="module")
def clip(corpus, tmp_path_factory):
    return str(shrink(corpus / CLIP, tmp_path_factory.mktemp("clip")))


@pytest.fixture(scope="module")
def stability_run(clip, models, tmp_path_factory):
    """A run folder on which only the first stage was run."""
    out = tmp_path_factory.mktemp("cli") / "run"
    assert run("stability", clip, f"--model=onnx:{models / NET}", f"--out={out}", "-q") == 0
    return out


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_for_every_option(name, printed):
    grouped = isinstance(cli.commands[name], GroupedCommand)
    text = printed(0, name, "--help-all" if grouped else "--help").out
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in text
            assert parameter.help


SETTINGS = [
    ("--device=cpu", "device", "cpu"),
    ("--backend=pyav", "backend", "pyav"),
    ("--color=accurate", "color", "accurate"),
    ("--batch=4", "batch", "4"),
    ("--every=3", "every", 3),
    ("--deterministic", "deterministic", True),
    ("--engine=torch", "engine", "torch"),
    ("--workers=1", "workers", 1),
    ("--cache=memory://parts", "cache", "memory://parts"),
    ("--precision=float32", "precision", "float32"),
    ("--fps=2", "fps", 2.0),
    ("--start-s=0.2", "start_s", 0.2),
    ("--end-s=0.9", "end_s", 0.9),
    ("--segment-s=20", "segment_s", 20.0),
    ("--seed=5", "seed", 5),
    ("--suite=line-camera", "suite", ["line-camera"]),
    ("--perturbation=hue", "perturbation", ["hue"]),
    ("--frames=3", "frames", 3),
    ("--strengths=2", "strengths", 2),
    ("--pairs=2", "pairs", 2),
    ("--budget=5m", "budget", "5m"),
    ("--track-start-score=0.6", "track_start_score", 0.6),
    ("--track-keep-score=0.2", "track_keep_score", 0.2),
    ("--max-gap=7", "max_gap", "7"),
    ("--max-gap=0.5s", "max_gap", "0.5s"),
    ("--min-boxes=3", "min_boxes", 3),
    ("--only=bottle", "only", ["bottle"]),
    ("--class-score=bottle=0.6", "class_score", ["bottle=0.6"]),
    ("--occluder=10,20,30,40", "occluder", ["10,20,30,40"]),
    ("--ignore=10,20,30,40", "ignore", ["10,20,30,40"]),
    ("--entry-line=300,400,300,0", "entry_line", "300,400,300,0"),
    ("--resamples=99", "resamples", 99),
    ("--roi=8,16,160,100", "roi", [8, 16, 160, 100]),
    ("--no-pictures", "pictures", False),
    ("--engine=onnxruntime", "engine", "onnxruntime"),
    ("--class-map=none", "class_map", "none"),
    ("--crop=", "crop", ""),
]


def of_stability(option):
    parameters = cli.commands["stability"].params
    flags = {flag for p in parameters for flag in (*p.opts, *p.secondary_opts)}
    return option.partition("=")[0] in flags


def together(settings):
    """The settings in two commands; the second has those that cannot stand beside one of the first."""
    commands, taken = ([], []), set()
    for each in settings:
        kind = "fewer frames" if each[1] in ("every", "fps") else each[1]
        commands[kind in taken].append(each)
        taken.add(kind)
    return commands


def unlike(out, asked):
    """Settings of a run that are not those asked for."""
    settings = RunFolder(out).run["settings"]
    return {name: settings[name] for _, name, value in asked if settings[name] != value}


@pytest.mark.parametrize(
    "asked", together([each for each in SETTINGS if of_stability(each[0])]), ids=len
)
def test_options_reach_the_run(clip, models, tmp_path, asked):
    out, options = tmp_path / "run", [option for option, _, _ in asked]
    if not any("end-s" in option for option in options):
        options.append("--end-s=1.0")
    assert run("stability", clip, f"-monnx:{models / NET}", f"-o{out}", "-q", *options) == 0
    assert unlike(out, asked) == {}


def test_the_other_options_of_a_study_reach_it_together_over_those_of_a_file(
    clip, models, tmp_path
):
    others = [each for each in SETTINGS if not of_stability(each[0])]
    path, out = tmp_path / "study.toml", tmp_path / "run"
    path.write_text(
        f'sources = ["{clip}"]\nmodel = ["onnx:{models / NET}"]\nout = "{out}"\n'
        "seed = 7\nframes = 2\nresamples = 199\nend_s = 1.0\n"
    )
    assert run("study", f"--config={path}", "--quiet", *(option for option, _, _ in others)) == 0
    settings = RunFolder(out).run["settings"]
    assert unlike(out, others) == {}
    assert {"frames", "resamples"} < {name for _, name, _ in others}  # over those of the file
    assert (settings["seed"], settings["end_s"]) == (7, 1.0)
    assert (out / "report.html").is_file()


def test_no_option_is_forgotten_above():
    tested = {option.split("=")[0].replace("--no-", "--") for option, _, _ in SETTINGS}
    others = {"--model", "--out", "--config", "--overwrite", "--json", "--quiet"}
    others |= {"--help-all", "--dry-run"}
    others |= {"--cluster"}  # in tests/pipeline/workers/test_cluster.py
    others |= {"--max-delay"}  # in tests/stages/remedies
    others |= {"--labels"}  # with annotations of their own, in tests/pipeline/test_labelled.py
    others |= {"--label-offset"}  # in tests/footage/labels/test_outside.py
    others |= {"--accept"}  # in tests/stages/answer
    others |= {"--fail-if", "--junit"}  # gates, in tests/finished_runs/test_compare_runs.py
    stage = {o.opts[0] for o in cli.commands["study"].params if isinstance(o, click.Option)}
    assert stage == tested | others


@pytest.mark.parametrize(
    ("arguments", "code", "names"),
    [
        (["study"], 2, "source"),
        (["study", "CLIP"], 2, "--model"),
        (["study", "CLIP", "--model=onnx:absent.onnx"], 2, "absent.onnx"),
        (["study", "CLIP", "--model=MODEL", "--frames=0"], 2, "frames"),
        (["study", "CLIP", "--model=MODEL", "--frames=many"], 2, "many"),
        (["study", "CLIP", "--model=MODEL", "--wrong"], 2, "--wrong"),
        (["study", "CLIP", "--model=MODEL", "--config=absent.toml"], 2, "absent.toml"),
        (["sensitivity", "CLIP", "--model=MODEL", "--suite=weather-c"], 2, "weather-c"),
        (["stability", "absent.mp4", "--model=MODEL"], 3, "absent.mp4"),
        (["report", "nowhere"], 3, "nowhere"),
        (["policy", "nowhere"], 3, "nowhere"),
        (["correlate"], 2, "TARGET"),
        (["correlate", "--across=rooms"], 2, "rooms"),
        (["perturbations", "--suite=imagenet"], 2, "imagenet-c"),
        (["perturbations", "--render=x.png"], 2, "--out"),
        (["inspect", "absent.mp4"], 3, "absent.mp4"),
        (["nonsense"], 2, "nonsense"),
    ],
    ids=lambda x: "-".join(x)[:40] if isinstance(x, list) else None,
)
def test_wrong_use_names_what_is_wrong_and_ends_with_its_code(
    clip, models, tmp_path, monkeypatch, capsys, arguments, code, names
):
    monkeypatch.chdir(tmp_path)
    real = {"CLIP": clip, "--model=MODEL": f"--model=onnx:{models / NET}"}
    assert run(*(real.get(word, word) for word in arguments)) == code
    printed = capsys.readouterr()
    assert names in printed.err + printed.out
    assert "Traceback" not in printed.err


def test_a_stage_without_its_tables_makes_them_first(stability_run, printed):
    few = ("--perturbation=hue", "--frames=2", "--resamples=99")
    said = printed(0, "correlate", str(stability_run), *few).err
    assert "sensitivity: 1 of 1 units to be made" in said
    assert "stability: up to date" in said
    folder = RunFolder(stability_run)
    assert len(folder.table("sensitivity")) == 2 * 5  # frames, differences; one strength a frame
    assert folder.read_json("correlation.json")["studies"]


def test_perturbations_as_table_json_and_pictures(corpus, tmp_path, printed):
    assert "gaussian_blur" in printed(0, "perturbations").out
    rows = json.loads(printed(0, "perturbations", "--suite=imagenet-c", "--json").out)
    assert len(rows) == 19
    image = corpus / "annotations/cvat/for_images/export_project/images/Test/img0.jpg"
    asked = ("--suite=natural", f"--render={image}", f"--out={tmp_path}", "--seed=3")
    assert run("perturbations", *asked) == 0
    assert (tmp_path / "contact_sheet.png").is_file()
    for row in json.loads(printed(0, "perturbations", "--json").out):
        for strength in row["strengths"].split(", "):
            assert (tmp_path / row["name"] / f"{strength}.png").is_file()


@pytest.mark.parametrize("name", ["models", "doctor"])
def test_tables_about_the_installation(name, printed, monkeypatch):
    # what it finds: test_doctor.py
    rows = [{"what": "extra onnx", "status": "ok", "detail": "onnxruntime"}]
    monkeypatch.setattr("vidrobust.plugins.tools.doctor.diagnose", lambda: rows)
    assert json.loads(printed(0, name, "--json").out)
    assert "onnx" in printed(0, name).out


def test_every_option_of_the_readme_exists():
    """Its commands, with their options: test_printed_commands.py."""
    for option in re.findall(r"(--[a-z][a-z-]*)", README):
        assert any(option in o.opts for c in cli.commands.values() for o in c.params), option
