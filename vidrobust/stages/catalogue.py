"""STAGES: the stages of a study, in order. A new one is a folder with a ``stage.py``, and a line here."""

from __future__ import annotations

from vidrobust.pipeline.stage import Stages
from vidrobust.plugins.unknown.stage import UNKNOWN
from vidrobust.stages.boxes.stage import BOXES
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.correlate.stage import CORRELATE
from vidrobust.stages.moments.stage import MOMENTS
from vidrobust.stages.policy.stage import POLICY
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.replays.stage import REPLAYS
from vidrobust.stages.report.stage import REPORT
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import TRANSITIONS
from vidrobust.stages.variation.stage import VARIATION

STAGES = Stages(
    (
        TRANSITIONS,
        STABILITY,
        VARIATION,
        SENSITIVITY,
        CAUSES,
        MOMENTS,
        CORRELATE,
        POLICY,
        BOXES,
        REPLAYS,
        REMEDIES,
        UNKNOWN,
        REPORT,
    )
)
