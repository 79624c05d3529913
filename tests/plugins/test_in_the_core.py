"""What plugins register, as the core shows it: suites, imports."""

import subprocess
import sys

import pytest
from PIL import Image

from tests.perturb.conftest import make_picture
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite


def test_published_suites_stand_beside_the_natural_one():
    """Hendrycks & Dietterich: 15 corruptions and 4 for validation; 10 scored sequences and 4 for validation."""
    assert (len(suite("imagenet-c")), len(suite("imagenet-p"))) == (19, 14)
    assert PERTURBATIONS["imagenet-c:gaussian_noise"] is not PERTURBATIONS["gaussian_noise"]
    with pytest.raises(SettingsError, match="did you mean imagenet-p, imagenet-c"):
        suite("imagenet")


def test_every_strength_of_imagenet_c_is_rendered(printed, tmp_path):
    Image.fromarray(make_picture(48, 64).permute(1, 2, 0).numpy()).save(tmp_path / "part.png")
    files = ["--render", str(tmp_path / "part.png"), "--out", str(tmp_path / "out")]
    printed(0, "perturbations", "--suite", "imagenet-c", *files)
    assert len(list((tmp_path / "out").glob("*/[1-5].png"))) == 19 * 5


def test_the_simulated_line_is_rendered_without_torch():
    code = "import sys, vidrobust.plugins.line.render; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
