"""Other footage that trains, answered by the run's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.files.names import file_name
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_folder, opened_sources
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.folder import is_run_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.policy.measured import FOLDER
from vidrobust.stages.stability.stage import STABILITY

# Settings that footage is asked under as the run is.
LIKE_THE_RUN = (
    "device",
    "batch",
    "engine",
    "precision",
    "seed",
    "class_map",
    "workers",
    "every",
    "fps",
    "track_start_score",
    "track_keep_score",
    "max_gap",
    "min_boxes",
    "only",
    "class_score",
    "ignore",
)
# Where these of its record agree it is the same network.
SAME = ("weights_sha256", "num_classes", "preprocessing")


@contextmanager
def opened_other(run: OpenRun, record: Mapping[str, Any], other: str) -> Iterator[OpenRun]:
    """Return ``other`` answered by the run's model."""
    path = Path(other)
    if is_run_folder(path):
        if path.resolve() == run.path.resolve():
            raise SettingsError(
                f"--on {other}: is the run itself; leave it out, and its footage is split"
            )
        with opened_folder(path, {}, run.reporter) as opened:
            build(opened, STAGES, [STABILITY.name])
            _check_model(opened, record, other)
            yield opened
        return
    kept = {name: getattr(run.settings, name) for name in LIKE_THE_RUN}
    settings = Settings(sources=(other,), model=(str(record["spec"]),)).changed(
        kept, "settings of the run"
    )
    out = run.path / FOLDER / "on" / file_name(str(path.resolve()))
    run.reporter.say(f"adapt: {other} is asked first; its answers are kept in {out}")
    with opened_sources(settings, str(out), run.reporter) as opened:
        build(opened, STAGES, [STABILITY.name])
        yield opened


def _check_model(run: OpenRun, record: Mapping[str, Any], other: str) -> None:
    name = record["name"]
    same = [r for r in run.model_records if r["name"] == name]
    if not same or any(same[0].get(key) != record.get(key) for key in SAME):
        answered = ", ".join(str(r["name"]) for r in run.model_records)
        raise SettingsError(
            f"--on {other}: is a run of {answered}, and not of the same {name}; give its footage instead of its "
            "run folder"
        )
