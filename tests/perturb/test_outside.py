"""A perturbation from another package, which pip installs, joins the catalogue, its suite and the command line."""

import json
import os
import subprocess
import sys

import pytest

from vidrobust.perturb.catalogue import ENTRY_POINTS

MODULE = """
import torch
from vidrobust.perturb.perturbation import Perturbation, given_sign, without_chance
from vidrobust.frames.pixels import rounded


def _veil(pixels, shares):
    share = torch.tensor(shares, device=pixels.device).view(-1, 1, 1, 1)
    return rounded(pixels + share * (200.0 - pixels.float()))


def entry(suite):
    return Perturbation(
        name="veil", suite=suite, family="light", unit="share of stray light", strengths=(0.1, 0.5),
        range=(0.0, 1.0), apply=without_chance(_veil), doc="Everything drawn towards a light grey by s.",
        signed={"veil": given_sign(_veil)}, stands_for={"light": 9} if suite == "natural" else {},
    )


VEIL = entry("natural")
BOTH = [VEIL, entry("dusty-hall")]
WRONG = "veil"
"""
PYPROJECT = f"""
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "dusty-hall"
version = "1"
[project.entry-points."{ENTRY_POINTS}"]
dusty = "dusty_hall:BOTH"
[tool.setuptools]
py-modules = ["dusty_hall"]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip installed the package ``dusty-hall``."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    (source / "dusty_hall.py").write_text(MODULE)
    (source / "pyproject.toml").write_text(PYPROJECT)
    offline = [
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--quiet",
        "--disable-pip-version-check",
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *offline,
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return target


def test_joins_its_suites_and_the_command_line(installed):
    """The bare name in suite natural, SUITE:NAME in one of its own; half way from 100 to 200 is 150.

    It stands for light in a policy, and is fitted to what light did: nothing but its record says so.
    """
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    code = (
        "import torch; from vidrobust.perturb.catalogue import PERTURBATIONS, suite\n"
        "assert 'veil' in [p.name for p in suite()] and suite('dusty-hall')[0].key == 'dusty-hall:veil'\n"
        "grey = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)\n"
        "print(int(PERTURBATIONS['veil'].apply(grey, 0.5, torch.Generator()).unique()))\n"
        "import numpy as np; from vidrobust.stages.causes.candidate_fits import CANDIDATES\n"
        "from vidrobust.stages.causes.cause import Size, CauseStep\n"
        "from vidrobust.stages.causes.fits import fit_levels\n"
        "before = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)\n"
        "after = np.rint(before + 0.3 * (200.0 - before)).astype(np.uint8)\n"
        "size = Size(size=0.3, unit='', measured='')\n"
        "step = CauseStep(before=before, after=after, size=size, backwards=False)\n"
        "print(CANDIDATES['light'][-1], round(fit_levels('veil', step).strength, 2))\n"
        "from vidrobust.cli import app; app.main(['perturbations', '--suite', 'dusty-hall', '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    applied, fitted, shown = done.stdout.split("\n", 2)
    assert (applied, fitted) == ("150", "veil 0.3"), done.stderr
    (row,) = json.loads(shown)
    assert (row["name"], row["single_frames"]) == ("veil", "yes")
