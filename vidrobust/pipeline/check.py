"""Everything in the settings that can be wrong, found before the first long step."""

from __future__ import annotations

from collections.abc import Sequence

from vidrobust.pipeline.stage import FootageStage, Stage
from vidrobust.run_folder.settings import Settings


def check_settings(settings: Settings, stages: Sequence[Stage]) -> None:
    """SettingsError for what a later stage of these could not use: names of perturbations, suites, training."""
    for stage in stages:
        stage.check(settings)
    if any(isinstance(stage, FootageStage) for stage in stages):
        from vidrobust.frames.device import resolve_device
        from vidrobust.video.choice import check_backend
        from vidrobust.video.color import check_color

        resolve_device(settings.device)
        check_backend(settings.backend)
        check_color(settings.color)
