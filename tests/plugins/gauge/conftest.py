"""A made run, smaller than that of the report's own tests, for the section on repeatability."""

import pytest

from tests.stages.report import made_run


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """One model and one item, without conclusions."""
    path = tmp_path_factory.mktemp("made") / "run"
    of = {"items": 1, "frames": 40, "studied": 4, "perturbations": ("brightness",)}
    return made_run.make(path, **of, conclude=False)
