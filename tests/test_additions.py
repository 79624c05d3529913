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


STRIPES = '''"""Rows of an overlay in the corner that get brighter and darker in turn."""

import numpy as np

from vidrobust.stages.causes.cause import Cause, Levels, Size

ROWS = np.zeros((120, 160, 1), np.float32)
ROWS[4:28:2, 4:28], ROWS[5:28:2, 4:28] = 1, -1


def _measure(brought, second):
    found = float((ROWS * (second - brought)).mean() / np.square(ROWS).mean())
    return found if abs(found) > 1 else None


def _rows(change, where):
    rows = change.own["stripes"] * ROWS
    return rows if where is None else rows[where]


def _size(change, a, reverse):
    size = (-1 if reverse else 1) * change.own.get("stripes", 0.0)
    return Size(size=size, unit="levels", measured=f"{size:.0f} levels")


STRIPES = Cause(
    name="stripes", title="stripes of the overlay", colour="#123456",
    replay=Levels(play=lambda change, x, where: x + _rows(change, where),
                  undo=lambda change, x, where: x - _rows(change, where)),
    occurs=lambda change: "stripes" in change.own, measure=_measure, size=_size,
)
'''
"""The account of six pairs in which nothing but the overlay changes, by a model that looks at it alone."""
ACCOUNT_OF_STRIPES = """
import cv2, numpy as np, pandas as pd
from vidrobust.predictions import Classifications
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.known.stripes import ROWS
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import score
from vidrobust.stages.causes.shares import summarise

class Rows:
    name, task, class_names = "rows", "classification", ("off", "on")
    def __call__(self, pixels):
        z = 10 * (pixels.permute(0, 2, 3, 1).numpy() * ROWS).mean(axis=(1, 2, 3))
        return Classifications.from_logits(np.stack([-z, z], axis=1), self.class_names)

rng, rows = np.random.default_rng(0), []
for n in range(6):
    coarse = rng.uniform(30, 220, (60, 80, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)
    frames = [scene + 8 * on * ROWS + rng.normal(0, 1, scene.shape) for on in (0, 0, 1, 1)]
    made = study_pair(*(np.clip(frame, 0, 255).astype(np.uint8) for frame in frames))
    pair = {"item": "a", "frame_a": 10 * n, "frame_b": 10 * n + 1, "weight": 1.0, "scale": "adjacent"}
    rows += [{**pair, **row} for row in score(made, Rows())]
account = summarise(pd.DataFrame(rows))
own = account[(account["item"] == "") & (account["cause"] == "stripes")].iloc[0]
print(CATALOGUE["stripes"].title, round(own.share, 1), own.occurs, made.sizes["stripes"].measured)
"""


def test_a_cause_of_the_account_is_a_record_and_its_line(tree: Path) -> None:
    (tree / "vidrobust/stages/causes/known/stripes.py").write_text(STRIPES)
    catalogue = "stages/causes/catalogue.py"
    line(tree, catalogue, "known.sharpness import SHARPNESS\n",
         "from vidrobust.stages.causes.known.stripes import STRIPES\n")  # fmt: skip
    line(tree, catalogue, "        SHARPNESS,\n", "        STRIPES,\n")
    assert python(tree, ACCOUNT_OF_STRIPES) == "stripes of the overlay 1.0 6 8 levels\n"


def test_a_section_of_the_report_is_a_module_and_its_line_and_the_templates(tree: Path) -> None:
    (tree / "vidrobust/stages/stability/greeting_section.py").write_text(
        "def greeting(run):\n    return f'{len(run.models)} models say hello'\n"
    )
    page = "stages/report/page.py"
    line(tree, page, "from vidrobust.report.pages import rendered, written\n",
         "from vidrobust.stages.stability.greeting_section import greeting\n")  # fmt: skip
    line(tree, page, '        "glossary": GLOSSARY,\n', '        "greeting": greeting(run),\n')
    line(tree, "report/templates/details.html", "<main>\n", "<p>{{ greeting }}</p>\n")
    code = (
        "from pathlib import Path; from vidrobust.stages.report.page import write_report\n"
        "from vidrobust.run_folder.folder import RunFolder; from vidrobust.run_folder.settings import Settings\n"
        "folder = RunFolder.create(Path('run'), Settings()).path\n"
        "write_report(folder); print((folder / 'details.html').read_text())"
    )
    assert "<p>0 models say hello</p>" in python(tree, code)
