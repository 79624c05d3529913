"""The stages of a study, in order: those of the core, those of plugins, and the report.

A new stage of the core is a folder with a ``stage.py`` and a line here.
"""

from __future__ import annotations

from vidrobust.extensions import extensions
from vidrobust.pipeline.stage import Stage, Stages
from vidrobust.stages.boxes.stage import BOXES
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.correlate.stage import CORRELATE
from vidrobust.stages.moments.stage import MOMENTS
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.remedies.inputs import InputStage
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.report.stage import ReportStage
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import TRANSITIONS
from vidrobust.stages.variation.stage import VARIATION

# Group of entry points in which a package names a Stage; its module imports no other part of this package but
# ``pipeline.stage`` and the stages that it needs or uses.
GROUP = "vidrobust.stages"

_OWN = (
    TRANSITIONS,
    STABILITY,
    VARIATION,
    SENSITIVITY,
    CAUSES,
    MOMENTS,
    CORRELATE,
    POLICY,
    BOXES,
)
PROVIDED = extensions(
    GROUP, Stage, lambda stage: stage.name, {stage.name for stage in (*_OWN, REMEDIES, ReportStage)}
)


class ReportOfAllStages(ReportStage):
    # made anew when the result of any stage has changed, of a plugin's too
    uses = (*ReportStage.uses, *PROVIDED.records)


REPORT = ReportOfAllStages()
_INPUT = tuple(stage for stage in PROVIDED.records if isinstance(stage, InputStage))
_OTHERS = tuple(stage for stage in PROVIDED.records if not isinstance(stage, InputStage))
STAGES = Stages((*_OWN, *_INPUT, REMEDIES, *_OTHERS, REPORT))
