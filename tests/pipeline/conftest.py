"""Real studies, run once by the command line, for all tests that look at what they left behind."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from tests.shrunk import shrink
from tests.undrawn import undrawn
from vidrobust.cli.app import cli, main
from vidrobust.run_folder.folder import RunFolder

NETS = ("mobilenet_v1_0.25_128.onnx", "mobilenet_v1_0.5_160.onnx")
FLOUR, BOLTS = "flour_bag_conveyor_output.gif", "intel_preview_bolt-multi-size-detection.gif"
FEW = ("--perturbation=brightness", "--frames=2", "--pairs=2", "--resamples=99")
"""Settings by which a whole study takes seconds."""


def run(*arguments):
    """The exit code of the command line."""
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def stability(source, model, out, *more):
    """The exit code of the first stage on these sources before this model."""
    return run("stability", str(source), f"--model={model}", f"--out={out}", "--quiet", *more)


def written(folder):
    """When each file below a folder was last written, in ns, by its path there.

    But for the hashes of the footage: the next command keeps them once its files are some seconds old.
    """
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "hashes.json")
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


def units(folder):
    """The units in the cache of a run folder, STAGE/KEY, each with a checksum of its facts and their times."""
    found = {}
    for path in (folder / "cache").glob("*/*.zip"):
        with ZipFile(path) as file:
            found[f"{path.parent.name}/{path.stem}"] = file.getinfo("facts.json").CRC
    return found


def assert_equal(a, b, by=(), atol=0.0):
    """Rows are equal, in any order where ``by`` is given; numbers to within ``atol``."""
    if by:
        a, b = (table.sort_values(list(by)).reset_index(drop=True) for table in (a, b))
    assert list(a.columns) == list(b.columns)
    assert len(a) == len(b)
    for column in a:
        if a[column].dtype.kind == "f":
            np.testing.assert_allclose(a[column], b[column], rtol=0, atol=atol, err_msg=column)
        else:
            assert a[column].tolist() == b[column].tolist(), column


def options_of(name, options):
    """These options of a study, without those that a command of one stage does not have."""
    commands = {each: cli.commands[each].params for each in ("study", name)}
    flags = {each: {flag for p in of for flag in p.opts} for each, of in commands.items()}
    lacking = flags["study"] - flags[name]
    return [option for option in options if option.partition("=")[0] not in lacking]


def few(name):
    """Those of FEW that are options of a command."""
    return options_of(name, FEW)


STAGES = ("stability", "variation", "sensitivity", "causes", "correlate", "policy", "report")
"""What a whole study runs, in order, but for what is between."""


@dataclass(frozen=True)
class Line:
    """A folder of two real line clips, and the command that studies it with the smallest network."""

    sources: Path
    run: Path
    model: str

    def command(self, name="study", *more):
        """The arguments of a command of a few seconds on these clips."""
        flags = {flag for parameter in cli.commands[name].params for flag in parameter.opts}
        model = [f"-m{self.model}"] if "--model" in flags else []
        few, others = options_of(name, FEW), options_of(name, more)
        return [name, str(self.sources), *model, f"-o{self.run}", *few, *others]

    @classmethod
    def of(cls, base, corpus, models, *clips):
        """These clips of the corpus, made smaller, in a folder of their own; nothing is run."""
        line = cls(base / "line", base / "run", f"onnx:{models / NETS[0]}")
        line.sources.mkdir()
        for name in clips:
            shrink(corpus / "factory" / name, line.sources)
        return line

    @property
    def folder(self):
        return RunFolder(self.run)


@pytest.fixture
def line(corpus, models, tmp_path):
    """Two clips on which nothing was run yet."""
    return Line.of(tmp_path, corpus, models, FLOUR, BOLTS)


@pytest.fixture(scope="session")
def studied(corpus, models, made_once):
    """One clip with every stage done; not to be changed."""

    def make(base):
        line = Line.of(base, corpus, models, FLOUR)
        with undrawn():
            assert run(*line.command(), "--quiet") == 0

    base = made_once("studied", make)
    return Line(base / "line", base / "run", f"onnx:{models / NETS[0]}")


@pytest.fixture
def again(studied, tmp_path):
    """A copy of the run folder of ``studied`` that a test may go on with."""
    shutil.copytree(studied.run, tmp_path / "run")
    return Line(studied.sources, tmp_path / "run", studied.model)


@pytest.fixture
def said(capsys):
    """What was printed on standard error since it was last asked."""
    return lambda: capsys.readouterr().err
