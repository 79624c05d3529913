"""The stage ``sensitivity``: how much each perturbation moves the prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vidrobust.extensions import Extensions, extensions
from vidrobust.pipeline.stage import Context, Found, Read, SampleStage, Trim
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS
from vidrobust.statement import Question
from vidrobust.statistics.levels import FEWEST_ROWS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from vidrobust.frames.batch import VideoInfo
    from vidrobust.models.predict import Model
    from vidrobust.perturb.perturbation import Perturbation
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.source import VideoSource


# Some suites of plugins compare frames of their own, not a perturbed with a clean one.

# Group of entry points in which a package names a SuiteProtocol, or several.
GROUP = "vidrobust.protocols"


@dataclass(frozen=True, kw_only=True)
class SuiteProtocol:
    """How one suite is studied, for classifiers alone.

    ``study`` is called with ``(frames, classifiers, *, content, seed, batch, step)`` and gives rows of
    the table ``sensitivity``; ``content`` and ``seed`` seed what is random, ``step(n)`` reports n pictures.
    """

    suite: str
    pictures: Callable[[], int]
    study: Callable[..., pd.DataFrame]


@cache
def provided() -> Extensions[SuiteProtocol]:
    return extensions(GROUP, SuiteProtocol, lambda each: each.suite)


def protocols() -> dict[str, SuiteProtocol]:
    return {entry.suite: entry for entry in provided().records}


CHUNK_BYTES = 32 * 2**20  # frames in memory at once, in bytes


class SensitivityStage(SampleStage):
    """How much each perturbation moves the prediction."""

    name = "sensitivity"
    version = 5
    per = "model"
    needs = (TRANSITIONS,)
    settings = (*FOOTAGE, "suite", "perturbation", "strengths", "seed")
    summary_settings = ("frames", "budget", "only", "ignore", "entry_line")
    unit_tables = ("sensitivity",)
    budgeted = "frames"
    step = "perturbed frames"
    question = Question.SENSITIVE

    def least(self, settings: Settings) -> dict[str, int]:
        """Return frames enough to show every strength of every perturbation to FEWEST_ROWS of them."""
        import math

        from vidrobust.stages.sensitivity.design import shown_per_frame

        counts = [len(one.strengths) for one in perturbations_of(settings) if one.on_single_frames]
        rounds = (
            math.ceil(count / shown_per_frame(count, settings.strengths))
            for count in counts
            if count
        )
        return {"frames": FEWEST_ROWS * max(rounds, default=1)}

    def check(self, settings: Settings) -> None:
        perturbations_of(settings)

    def extra_key(self, settings: Settings, model: Model | None) -> dict[str, Any]:
        from vidrobust.metrics.catalogue import is_detector, versions_of

        assert model is not None, "a unit per model has one"
        perturbations = [[entry.key, list(entry.strengths)] for entry in perturbations_of(settings)]
        of_boxes = settings.chosen_boxes if is_detector(model) else {}
        return {"perturbations": perturbations, "metrics": versions_of(model.task), **of_boxes}

    def steps(self, settings: Settings) -> float:
        """Return how many perturbed copies of one frame each model sees."""
        from vidrobust.stages.sensitivity.design import shown_per_frame

        asked = (one for one in perturbations_of(settings) if one.on_single_frames)
        copies = sum(shown_per_frame(len(one.strengths), settings.strengths) for one in asked)
        copies += sum(protocol.pictures() for protocol in _protocols(settings))
        return float(copies)

    def frames_needed(self, context: Context) -> Sequence[int]:
        return [int(number) for number in _order(context)[context.have :]]

    def work(self, context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
        """Perturb the chosen frames once and show them to all these models."""
        import numpy as np
        import pandas as pd

        from vidrobust.metrics.catalogue import is_classifier
        from vidrobust.predictions import Classifier
        from vidrobust.stages.sensitivity.unit import Draws, study_frames
        from vidrobust.tables import schema as tables

        settings, order = context.settings, _order(context)
        perturbations = perturbations_of(settings)
        # the published protocols are defined for classifiers
        able = [m for m in models if isinstance(m, Classifier) and is_classifier(m)]
        # the places of the frames in the order, and the frames in the order of time, to be decoded forwards
        ranks = np.arange(context.have, len(order))
        ranks = ranks[np.argsort(order[ranks])]
        parts: list[pd.DataFrame] = []
        size = chunk(context.info)
        for start in range(0, len(ranks), size):
            some = ranks[start : start + size]
            frames = source.at([int(i) for i in order[some]])
            drawn: dict[str, Any] = {"seed": settings.seed, "content": context.content}
            shown: dict[str, Any] = {"batch": settings.batch_size, "step": context.advance}
            if perturbations:
                sweep = Draws(**drawn, ranks=some, each=settings.strengths)
                of_boxes: dict[str, Any] = {
                    "only": settings.only,
                    "ignored": settings.ignored_zones,
                }
                parts.append(
                    study_frames(frames, models, perturbations, sweep, **of_boxes, **shown)
                )
            parts += [
                protocol.study(frames, able, **drawn, **shown) for protocol in _protocols(settings)
            ]
        table = pd.concat(parts, ignore_index=True) if parts else tables.empty("sensitivity")
        facts = {"frames": len(order)}
        return {
            m.name: ({"sensitivity": table[table["model"] == m.name]}, dict(facts)) for m in models
        }

    def trim(self, read: Read, content: str, settings: Settings, count: int) -> Trim:
        transitions = read("transitions")
        assert transitions is not None, "a unit that is there has its transitions"
        frames = frames_to_study(transitions, count, content, settings.seed)
        return lambda rows: rows[rows["frame"].isin(frames)]

    def as_json(self, run: OpenRun) -> Any:
        from vidrobust.files.json_text import plain

        by = ["model", "perturbation", "strength", "metric"]
        means = (
            run.table("sensitivity").groupby(by, sort=False)["value"].agg(value="mean", n="size")
        )
        return plain(means.reset_index().to_dict("records"))


SENSITIVITY = SensitivityStage()


def perturbations_of(settings: Settings) -> tuple[Perturbation, ...]:
    from vidrobust.perturb.catalogue import find, suite

    if settings.perturbation:
        return tuple(find(key) for key in settings.perturbation)
    suites = [(name, suite(name)) for name in settings.suite]
    return tuple(entry for name, entries in suites if name not in protocols() for entry in entries)


def frames_to_study(transitions: pd.DataFrame, count: int, content: str, seed: int) -> np.ndarray:
    """Return ``count`` frames of an item, in the order of sampling, of those that start a usable pair.

    So each has a natural change to be compared with. A larger sample begins with a smaller one.
    """
    import numpy as np

    from vidrobust.stages.sensitivity.design import start_of
    from vidrobust.statistics.samples import spread_order

    frames, reason = transitions["frame"].to_numpy(), transitions["reason"].to_numpy()
    starts = frames[:-1][reason[1:] == ""]
    candidates = np.unique(starts if len(starts) else frames)
    chosen: np.ndarray = candidates[spread_order(len(candidates), count, start_of(seed, content))]
    return chosen


def chunk(info: VideoInfo) -> int:
    """Return how many frames are worked on at once: what fits into CHUNK_BYTES, at most 64."""
    return max(1, min(64, CHUNK_BYTES // (3 * info.width * info.height)))


def _order(context: Context) -> np.ndarray:
    return frames_to_study(
        context.need_transitions(), context.count, context.content, context.settings.seed
    )


def _protocols(settings: Settings) -> list[SuiteProtocol]:
    known = {} if settings.perturbation else protocols()
    return [protocol for suite, protocol in known.items() if suite in settings.suite]
