"""The stage ``sensitivity``: how much each perturbation moves the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import SampleStage
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS

if TYPE_CHECKING:
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.pipeline.unit import Context, Found, Read, Trim
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.source import VideoSource


def _work(context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
    from vidrobust.stages.sensitivity.unit import work

    return work(context, source, models)


def _frames_needed(context: Context) -> Sequence[int]:
    from vidrobust.stages.sensitivity.unit import frames_needed

    return frames_needed(context)


def _trim(read: Read, content: str, settings: Settings, count: int) -> Trim:
    from vidrobust.stages.sensitivity.unit import trim

    return trim(read, content, settings, count)


def _extra_key(settings: Settings, model: Model | None) -> Any:
    from vidrobust.stages.sensitivity.unit import extra_key

    assert model is not None, "a unit per model has one"
    return extra_key(settings, model)


def _steps(settings: Settings) -> float:
    from vidrobust.stages.sensitivity.unit import steps

    return steps(settings)


def _check(settings: Settings) -> None:
    from vidrobust.stages.sensitivity.unit import perturbations_of

    perturbations_of(settings)


def _as_json(run: Run) -> Any:
    """The mean of every difference, by model, perturbation and strength."""
    from vidrobust.stages.sensitivity.unit import means

    return means(run.table("sensitivity"))


SENSITIVITY = SampleStage(
    name="sensitivity",
    sentence="How much each perturbation moves the prediction.",
    version=3,
    per="model",
    needs=(TRANSITIONS,),
    settings=(*FOOTAGE, "suite", "perturbation", "strengths", "draws", "seed"),
    summary_settings=("frames", "budget", "only", "ignore", "entry_line"),
    extra_key=_extra_key,
    unit_tables=("sensitivity",),
    budgeted="frames",
    work=_work,
    frames_needed=_frames_needed,
    trim=_trim,
    steps=_steps,
    step="perturbed frames",
    check=_check,
    as_json=_as_json,
)
