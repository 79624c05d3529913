"""What an addition costs: each is made in a copy of the package, by so many files and lines, and used.

Perturbations, metrics, kinds of models and label formats are one file of another package (entry points); they are
tried in tests/pipeline/test_from_outside.py, tests/perturb/test_outside.py and tests/footage/labels.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package, without what was compiled."""
    shutil.copytree(ROOT / "vidrobust", tmp_path / "vidrobust", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def line(tree: Path, file: str, after: str, added: str) -> None:
    """Add text behind the only place where ``after`` stands."""
    path = tree / "vidrobust" / file
    text = path.read_text()
    assert text.count(after) == 1, f"{file}: {after!r}"
    path.write_text(text.replace(after, after + added))


def python(tree: Path, code: str) -> str:
    """What the copy prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_format_of_the_policy_is_a_file_and_its_line(tree: Path) -> None:
    (tree / "vidrobust/stages/policy/exports/plain.py").write_text(
        "from vidrobust.stages.policy.exports.rendered import Export\n\n\n"
        "def render(policy):\n"
        "    return Export(name='policy_plain.txt', text=f'{len(policy.steps)} steps\\n')\n"
    )
    write = "stages/policy/exports/write.py"
    line(tree, write, "exports.kornia import render as kornia\n", "from .plain import render as plain\n")
    line(tree, write, "(torchvision, albumentations, kornia, timm, ultralytics", ", plain")
    code = (
        "from vidrobust.stages.policy.exports.write import render_all\n"
        "from vidrobust.stages.policy.policy import Policy\n"
        "print([each.name for each in render_all(Policy(model='net'))])"
    )
    assert "policy_plain.txt" in python(tree, code)


def test_a_decoder_is_a_file_and_its_line(tree: Path, public_clips: Path) -> None:
    (tree / "vidrobust/video/again.py").write_text(
        "from vidrobust.video.pyav import PyAVReader\n\n\n"
        "def open_again(asked):\n"
        "    return PyAVReader(asked.path, item=asked.item, color=asked.color, reason='', allow_network=False)\n"
    )
    line(tree, "video/choice.py", "from vidrobust.video.decord import open_decord\n",
         "from vidrobust.video.again import open_again\n")  # fmt: skip
    line(tree, "video/choice.py", "on_cpu=_decord, in_auto=False),\n",
         "    Decoder(name='again', on_cpu=open_again),\n")  # fmt: skip
    code = (
        "from vidrobust.video.source import open_video\n"
        f"with open_video({str(public_clips / 'cars.mp4')!r}, backend='again') as source:\n"
        "    print(len(next(source.batches(4))), source.info.reason)"
    )
    assert python(tree, code) == "4 again decodes on cpu\n"


def test_a_stage_is_a_folder_and_its_line_and_then_a_command(tree: Path) -> None:
    folder = tree / "vidrobust/stages/greeting"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "stage.py").write_text(
        "from vidrobust.pipeline.stage import TableStage\n"
        "from vidrobust.stages.stability.stage import STABILITY\n\n\n"
        "def _make(run):\n"
        "    run.folder.write_json('greeting.json', {'models': len(run.model_records)})\n\n\n"
        "GREETING = TableStage(name='greeting', sentence='Say hello.', version=1, needs=(STABILITY,),\n"
        "                      settings=('widen',), files=('greeting.json',), make=_make)\n"
    )
    catalogue = "stages/catalogue.py"
    line(tree, catalogue, "from vidrobust.stages.correlate.stage import CORRELATE\n",
         "from vidrobust.stages.greeting.stage import GREETING\n")  # fmt: skip
    line(tree, catalogue, "        BOXES,\n", "        GREETING,\n")
    help_all = "from vidrobust.cli.app import main; main(['greeting', '--help-all'])"
    text = python(tree, help_all)
    assert "Say hello." in text
    assert "--widen" in text  # its own
    assert "--max-gap" in text  # of what it needs
    assert "--trained-with" not in text
    clip = ROOT / "tests" / "footage_media" / "line-flour-bags.gif"
    (tree / "bands.py").write_text(
        "import numpy as np\n"
        "from vidrobust.predictions import Classifications\n\n\n"
        "class Bands:\n"
        "    name, task, version, class_names = 'bands', 'classification', '1', ('dark', 'light')\n\n"
        "    def __call__(self, pixels):\n"
        "        light = np.asarray(pixels, np.float32).mean(axis=(1, 2, 3)) / 255\n"
        "        return Classifications(np.stack([1 - light, light], axis=1), self.class_names)\n\n\n"
        "def model():\n"
        "    return Bands()\n"
    )
    run = f"main(['greeting', {str(clip)!r}, '-mbands:model', '--end-s=0.5', '-orun', '-q'])"
    python(tree, f"import os; os.environ['HOME'] = '.'\nfrom vidrobust.cli.app import main\n{run}")
    assert (tree / "run" / "greeting.json").read_text().split() == ["{", '"models":', "1", "}"]
    assert "greeting" in python(tree, "from vidrobust.cli.app import main; main(['status', 'run'])")
