"""A study of a network of a plugin's task, and what reads its run."""

import json

from tests.pipeline.conftest import run


def studied(place, spec, labels, *, pairs, frames):
    """Study the pictures in place / "clip" into place / "run"."""
    given = ("-m", spec, f"--labels={labels}", "-o", str(place / "run"), "-q")
    asked = (f"--pairs={pairs}", f"--frames={frames}", "--perturbation=brightness", "--strengths=1")
    assert run("study", str(place / "clip"), *given, *asked) == 0


def assert_read_by_moments_gate_and_comparison(place, task, passes, fails):
    folder = place / "run"
    moments = json.loads((folder / "moments.json").read_text())["moments"]
    assert all((folder / tile["picture"]).is_file() for tile in moments[0]["strip"])
    assert f'id="task-{task}"' in (folder / "details.html").read_text()
    assert run("gate", str(folder), "--fail-if", passes) == 0
    assert run("gate", str(folder), "--fail-if", fails) == 1
    assert run("compare", str(folder), str(folder)) == 0
