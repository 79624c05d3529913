"""The stage ``policy``: which augmentations to train with, and how strong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.variation.stage import VARIATION
from vidrobust.statement import Question

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings


class PolicyStage(TableStage):
    """Recommend augmentations to train with, each with its range and its level of evidence."""

    name = "policy"
    version = 13
    needs = (STABILITY, SENSITIVITY, VARIATION, CAUSES)
    settings = ("trained_with",)
    files = ("policy.json",)
    question = Question.TRAIN

    def check(self, settings: Settings) -> None:
        from vidrobust.stages.policy.trained_with import parse

        parse(settings.trained_with)

    def make(self, run: Run) -> None:
        from vidrobust.stages.policy.conclusion import make_policy

        make_policy(run)

    def as_json(self, run: Run) -> Any:
        return run.folder.read_json("policy.json")


POLICY = PolicyStage()
