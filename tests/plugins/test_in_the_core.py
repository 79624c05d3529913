"""What plugins register, as the core shows it: gates, suites, options of commands, imports."""

import subprocess
import sys

import pytest

from tests.perturb.conftest import make_picture
from vidrobust.cli.app import main
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.gates import parse_gate
from vidrobust.run_folder.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("within_operator.agreement.low < 0.8", ("within_operator.agreement", "low", 0.8)),
        ("between_operators.fleiss_kappa < .75", ("between_operators.fleiss_kappa", "value", 0.75)),
    ],
)
def test_a_rule_may_name_a_section_of_a_study(text, expected):
    gate = parse_gate(text)
    assert (gate.metric, gate.side, gate.limit) == expected


def test_published_suites_stand_beside_the_natural_one():
    """Hendrycks & Dietterich: 15 corruptions and 4 for validation; 10 scored sequences and 4 for validation."""
    assert (len(suite("imagenet-c")), len(suite("imagenet-p"))) == (19, 14)
    assert PERTURBATIONS["imagenet-c:gaussian_noise"] is not PERTURBATIONS["gaussian_noise"]
    with pytest.raises(SettingsError, match="did you mean imagenet-p, imagenet-c"):
        suite("imagenet")


def test_every_strength_of_imagenet_c_is_rendered(tmp_path):
    from PIL import Image

    Image.fromarray(make_picture(48, 64).permute(1, 2, 0).numpy()).save(tmp_path / "part.png")
    arguments = [
        "--suite",
        "imagenet-c",
        "--render",
        str(tmp_path / "part.png"),
        "--out",
        str(tmp_path / "out"),
    ]
    main(["perturbations", *arguments])
    assert len(list((tmp_path / "out").glob("*/[1-5].png"))) == 19 * 5


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        (["--gauge=a.csv", "--fps=3"], "--fps"),
        (["--gauge=a.csv", "--overwrite"], "--overwrite"),
        (["RUN", "--config=study.toml"], "--config"),
        (["RUN", "--reference=3"], "--reference"),
        (["RUN", "--case=same"], "--case"),
    ],
)
def test_options_that_change_nothing_are_refused(tmp_path, capsys, options, flag):
    folder = RunFolder.create(tmp_path / "run", Settings()).path
    with pytest.raises(SystemExit) as ended:
        main(["repeatability", *(str(folder) if word == "RUN" else word for word in options)])
    assert ended.value.code == 2
    assert flag in capsys.readouterr().err


def test_the_simulated_line_is_rendered_without_torch():
    code = "import sys, vidrobust.plugins.line.render; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
