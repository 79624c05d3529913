"""The stage ``replays``: the models are asked again, of footage without one of its causes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vidrobust.plugins.corrected_footage.names import FILE, NAME, SETTINGS, VERSION
from vidrobust.stages.remedies.inputs import InputStage, RemedyKind
from vidrobust.stages.stability.stage import STABILITY

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.pipeline.run import OpenRun
    from vidrobust.stages.remedies.box_rows import BoxStudy
    from vidrobust.stages.remedies.label_rows import LabelStudy
    from vidrobust.statement import Statement


class CorrectedFootage(InputStage):
    """Also replay the footage without its causes: asks the models anew, once."""

    name = NAME
    version = VERSION
    needs = (STABILITY,)
    settings = SETTINGS
    tables = ("replayed_answers", "replayed_boxes")
    files = (FILE,)
    without = ("camera", "light", "noise_and_coding")

    @property
    def kinds(self) -> Mapping[str, RemedyKind]:
        from vidrobust.plugins.corrected_footage.rows import KINDS

        return KINDS

    def make(self, run: OpenRun) -> None:
        from vidrobust.plugins.corrected_footage.ask import ask_again

        ask_again(run)

    def rows(self, run: OpenRun, study: LabelStudy | BoxStudy) -> Iterator[dict[str, Any]]:
        from vidrobust.plugins.corrected_footage.rows import rows

        return rows(run, study)

    def statements(self, model: str, rows: pd.DataFrame) -> Iterator[Statement]:
        from vidrobust.plugins.corrected_footage.rows import statements

        return statements(model, rows)


CORRECTED = CorrectedFootage()
