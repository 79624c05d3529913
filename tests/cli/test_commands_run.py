"""Every printed command is typed, with its placeholders filled from fabricated inputs, and ends well; advice runs."""

import functools
import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from tests.cli.test_printed_commands import EVERY
from tests.made_frames import film, flickering, texture
from tests.pipeline.conftest import FEW, run
from vidrobust.models.preprocess import Preprocess
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of

CLASSIFIER = "tests.cli.test_commands_run:tiny"
DETECTOR = "tests.plugins.finetune.small_boxes:detector"


MID_SENTENCE = {"compare --json", "corruptions --json prints", "labels reads"}
ALONE = {"doctor", "models", "perturbations", "plugins"}
"""Commands that are complete without arguments; the others are only named where they have none."""
ELSEWHERE = {
    "--cluster": "starts Ray: tests/pipeline/workers/test_cluster.py",
    "--workers": "starts processes: tests/pipeline/workers/test_processes.py",
    "SHARD": "tests/plugins/published/test_data.py",
    "corruptions": "the same, and tests/plugins/published/test_corruptions.py",
    "data NAME": "the same",
    "{x} --labels": "the same",
    "--protocol gu2019": "the same",
    "--stability FILE": "tests/plugins/pooled_runs/test_table_files.py",
}
"""What is typed by tests of its own, and where."""
WORDS = {
    "boxes RUN": "boxes reports/cups",
    "decisions RUN": "decisions reports/cups",
    "repeatability RUN": "repeatability reports/msa",
    "unknown RUN --known REF": "unknown reports/run --known reports/run",
    "compare plain se": "compare reports/old reports/new",
    "look clip.mp4 --model onnx:best.onnx": f"look clip.mp4 --model {CLASSIFIER}",
    "best.pt --model onnx:best.onnx": f"{CLASSIFIER} --model {DETECTOR}",
    "correlate RUN RUN": "correlate reports/old reports/new --out pooled",
    "--out reports/cups": "--out reports/which",
    "--out reports/line3": "--out reports/fresh",
    "study {x} {x}": f"study clip.mp4 --model {CLASSIFIER}",
    "labels {x}": "labels labels.csv",
    "repeatability {x}": "repeatability reports/msa",
    "--rule {x}": "--rule majority-3",
    "RUN_A": "reports/old",
    "RUN_B": "reports/new",
    "RUN RUN": "reports/old reports/new",
    "RUN": "reports/run",
    "{x}{x}": "reports/run",
    "{x}": "reports/run",
    "SOURCES --model DETECTOR": f"clip.mp4 --model {DETECTOR}",
    "cups.mp4 --model onnx:yolox_nano.onnx": f"cups.mp4 --model {DETECTOR}",
    "--model onnx:a.onnx --model onnx:b.onnx": f"--model {DETECTOR}",
    "--start-s 25 --end-s 28": "--start-s 1 --end-s 3",
    "FastestDet.onnx": DETECTOR,
    "yolox_nano.onnx": DETECTOR,
    "--model squeezenet1_1_227.onnx --model squeezenet1_1_227.onnx": f"--model {DETECTOR}",
    "squeezenet1_1_227.onnx": CLASSIFIER,
    "NIGHT_RUN": "reports/run",
    "parts.csv": "table.csv",
    "day/": "footage",
    "onnx:parts.onnx": CLASSIFIER,
    "torchvision:resnet18": CLASSIFIER,
    "timm:resnet50": CLASSIFIER,
    "timm:seresnet50": CLASSIFIER,
    "--object PICTURE --model DETECTOR": f"--object picture.png --scale 0.3 --model {DETECTOR}",
    "best.pt": CLASSIFIER,
    "recordings/*.mp4": "line3/*.mp4",
    "SPEC": CLASSIFIER,
    "CLIP": "clip.mp4",
    "SOURCES": "clip.mp4",
    "MANIFEST": "manifest.csv",
    "IMAGE": "picture.png",
    "DIR": "drawn",
    "REF": "footage",
    "predictions:FILE": "predictions:answers.csv",
    "--labels FILE": "--labels labels.csv",
    "labels FILE": "labels labels.csv",
    "--fail-if RULE": '--fail-if "flip_rate > 2"',
    "--gauge CSV": "--gauge table.csv",
    "--attribute CSV": "--attribute ratings.csv",
    "--defect scratch": '--defect "class 0"',
    "reports/NAME": "reports/run",
}
"""What stands for a value of the user, the longer first, and the fabricated one."""
ENDS = {"gate": {0, 1}, "repeatability": {0, 1}}
"""Exit codes of commands that judge; all others end with 0."""
WITHOUT_MOMENTS = "--to clip"
"""Ends with 3, as it does on a run whose answers never change: those made here are of stability alone."""
MORE = {
    "study": FEW,
    "causes": ("--pairs=2",),
    "sensitivity": ("--perturbation=brightness",),
    "adapt": ("--steps=3", "--seeds=1"),
}
"""Options that let a command end soon."""
BEFORE = {
    "correlate": [
        ("sensitivity", f"reports/{name}", "--perturbation=brightness", "--frames=10", "-q")
        for name in ("old", "new")
    ]
}
"""What a command needs to have been run."""


SLOW = {"boxes", "study", "adapt", "causes", "policy", "sensitivity", "correlate", "repeatability"}


def typed(text):
    """The command as a user types it."""
    for word, value in WORDS.items():
        start = r"(?<![\w/])" if word[0].isalpha() else ""
        end = r"\b" if word[-1].isalnum() else ""
        text = re.sub(f"{start}{re.escape(word)}{end}", value.replace("\\", "\\\\"), text)
    return text


@functools.cache
def cases():
    """Typed command -> the file that prints it; the same command of two places is typed once."""
    found = {}
    for text, place in EVERY.items():
        named_only = " " not in text and text not in ALONE
        if not (named_only or text in MID_SENTENCE or any(each in text for each in ELSEWHERE)):
            found.setdefault(typed(text), place)
    return {t: place for t, place in found.items() if not any(_covers(other, t) for other in found)}


def _covers(other, text):
    """Is a slow command typed as well with more options and an input of the same kind?"""
    mine, more = ({w for w in each.split() if w.startswith("--")} for each in (text, other))
    kinds = {re.sub(r"\w{2,}", "x", "".join(each.split()[1:2])) for each in (text, other)}
    same = len(kinds) == 1 and text.split()[0] == other.split()[0] and text.split()[0] in SLOW
    return same and mine < more and "--dry-run" not in more


def tiny():
    """A network that says how bright the picture is, a factory for ``--model``."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
    )  # fmt: skip
    with torch.no_grad():
        module[4].weight *= 20
    return module.eval(), Preprocess(size=32, crop=1.0, mean=(127.0,) * 3, std=(64.0,) * 3)


def clip(path, phase=0.0):
    """Four seconds of a picture that moves and flickers."""
    film(path, flickering(1, 64, 96, 48, phase), rate=12, crf="18")


def line(path):
    """Three parts that cross a still picture one after the other."""
    pictures = [0.3 * texture(3, 64, 96) for _ in range(150)]
    for k, picture in enumerate(pictures):
        if 0 <= (left := 4 * (k % 50) - 30) <= 76:
            picture[18:46, left : left + 20] = texture(4, 28, 20)
    shown = [np.clip(picture, 0, 255).astype(np.uint8) for picture in pictures]
    film(path, shown, rate=12, crf="12")


def tables(folder):
    """Readings of a gauge study, ratings of an attribute study, labels of the clip, and a manifest of passes."""
    rng = np.random.default_rng(0)
    rows = [(p, o, t) for p in range(10) for o in "XYZ" for t in range(2)]
    gauge = pd.DataFrame(rows, columns=["part", "operator", "trial"])
    values = gauge["part"] + rng.normal(0, 0.05, len(gauge))
    gauge.assign(value=values).to_csv(folder / "table.csv", index=False)
    good = np.where(gauge["part"] < 5, "A", "B")
    gauge.assign(value=good, reference=good).to_csv(folder / "ratings.csv", index=False)
    answers = [f"{k},{'AB'[k // 5 % 2]},0.9" for k in range(48)]
    (folder / "answers.csv").write_text("\n".join(["frame,label,probability", *answers]) + "\n")
    (folder / "labels.csv").write_text("path,label\nclip.mp4,1\n")
    (folder / "mine.py").write_text("def transform(picture):\n    return picture.flip(-1)\n")
    (folder / "study.toml").write_text('part = "bolt"\nstation = "3"\n')
    passes = [(f"line3/{p}-{t}.mp4", f"part-{p}", t, "1", "1") for p in range(2) for t in (1, 2)]
    manifest = pd.DataFrame(passes, columns=["path", "part", "pass", "station", "label"])
    manifest.to_csv(folder / "manifest.csv", index=False)
    for number, path in enumerate(manifest["path"], 1):
        clip(folder / path, 0.1 * number)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Clips, tables and finished runs under the names that the documents use."""
    folder = tmp_path_factory.mktemp("typed")
    clip(folder / "clip.mp4")
    videos = ("cups.mp4", "bottles.mp4", "line3/1.mp4", "line4/1.mp4")
    for name in (*videos, "footage/1.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "clip.mp4", folder / name)
    clip(folder / "footage" / "1.mp4", 1.0)
    line(folder / "line.mp4")
    tables(folder)
    import cv2

    cv2.imwrite(str(folder / "picture.png"), texture(2, 64, 96).astype(np.uint8))
    for spec, names in (
        (CLASSIFIER, ("run", "old", "new", "demo", "line3")),
        (DETECTOR, ("cups", "a", "b", "c")),
    ):
        first = folder / "reports" / names[0]
        source = "cups.mp4" if spec == DETECTOR else "clip.mp4"
        assert run("stability", str(folder / source), "-m", spec, "-o", str(first), "-q") == 0
        for name in names[1:]:
            shutil.copytree(first, folder / "reports" / name)
    passes = (str(folder / "manifest.csv"), "-m", CLASSIFIER, "-o", str(folder / "reports/msa"))
    assert run("stability", *passes) == 0
    return folder


def test_what_is_typed_elsewhere_is_still_printed():
    assert all(any(each in text for text in EVERY) for each in ELSEWHERE)
    assert {*EVERY} >= MID_SENTENCE


# that each of them exists and has its options: test_printed_commands.py, in every run
@pytest.mark.nightly
@pytest.mark.parametrize("text", sorted(cases()), ids=lambda text: f"{text} ({cases()[text]})")
def test_a_printed_command_runs(text, made, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(folder)
    command, *arguments = shlex.split(text)
    arguments = [each for each in arguments if each != "..."]
    assert all(run(*each) == 0 for each in BEFORE.get(command, ()))
    code = run(command, *arguments, *MORE.get(command, ()))
    wanted = {3} if WITHOUT_MOMENTS in text else ENDS.get(command, {0})
    assert code in wanted, capsys.readouterr().err


@pytest.mark.nightly
def test_the_commands_of_an_answer_run_one_after_the_other(tmp_path, capsys):
    """Type what the answer says until nothing is left to type; every command changes what the answer says."""
    film(tmp_path / "clip.mp4", flickering(1, 90, 160, 60), rate=25, crf="18")
    measured, commands = tmp_path / "a run", []
    run("stability", str(tmp_path / "clip.mp4"), "-m", CLASSIFIER, "-o", str(measured), "-q")
    for _ in range(12):
        statements = answer_of(RunTables(measured)).statements
        printed = [each.command for each in statements if each.command]
        ahead = [command for command in printed if command not in commands]
        if not ahead:
            break
        commands.append(ahead[0])
        program, *arguments = shlex.split(ahead[0])
        assert program == "vidrobust"
        more = MORE["adapt"] if arguments[0] == "adapt" else ()
        assert run(*arguments, *more) == 0, capsys.readouterr().err
    typed_in = {shlex.split(command)[1] for command in commands}
    assert {"causes", "sensitivity", "remedies", "policy"} <= typed_in
    kinds = [each.kind for each in answer_of(RunTables(measured)).statements]
    assert not [kind for kind in kinds if kind.endswith("not_run")]
