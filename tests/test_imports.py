"""What is imported when: torch and OpenCV only where pictures are computed. import-linter checks layers."""

import subprocess
import sys
import tomllib
from pathlib import Path

from vidrobust.version import VERSION

TORCH_FREE = (
    "tables.schema",
    "frames.device",
    "frames.batch",
    "predictions",
    "statistics.intervals",
)
TORCH_FREE = (*TORCH_FREE, "footage.expand", "stages.report.page")


def ends_well(code):
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_needs_no_torch_does_not_import_it():
    names = ["vidrobust", *(f"vidrobust.{n}" for n in TORCH_FREE)]
    ends_well(
        f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name"
    )


def test_help_imports_no_command_and_no_library_that_computes():
    heavy = "('torch', 'cv2', 'pandas', 'numpy', 'vidrobust.cli.studies', 'vidrobust.plugins.gauge.commands')"
    ends_well(
        "import sys\nfrom vidrobust.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(', '.join(name for name in {heavy} if name in sys.modules) or 0)"
    )


def test_a_study_begins_without_libraries_that_draw_or_fit():
    ends_well(
        "import sys\nimport vidrobust.pipeline.workers.worker, vidrobust.pipeline.build\n"
        "from vidrobust.models.spec import parse_spec\nparse_spec('onnx:net.onnx')\n"
        "heavy = ('matplotlib', 'scipy.stats', 'torchvision', 'vidrobust.stages.report.page')\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)"
    )


def test_public_names_exist():
    import vidrobust

    assert len(vidrobust.__all__) == len(set(vidrobust.__all__))
    for name in vidrobust.__all__:
        assert getattr(vidrobust, name) is not None


def test_the_version_is_that_of_the_distribution():
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(pyproject.read_text())["project"]["version"] == VERSION
