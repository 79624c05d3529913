"""Everything in the settings that can be wrong, found before the first long step."""

from __future__ import annotations

from collections.abc import Sequence

from vidrobust.run.settings import Settings
from vidrobust.run.stage import Stage


def check_settings(settings: Settings, stages: Sequence[Stage]) -> None:
    """SettingsError for what a later stage of these could not use: names of perturbations, suites, training."""
    names = {stage.name for stage in stages}
    if "sensitivity" in names:
        from vidrobust.run.sensitivity_unit import perturbations_of

        perturbations_of(settings)
    if "policy" in names:
        from vidrobust.policy.trained_with import parse

        parse(settings.trained_with)
    if any(stage.reads_footage for stage in stages):
        from vidrobust.device import resolve_device
        from vidrobust.video.choice import check_backend
        from vidrobust.video.color import check_color

        resolve_device(settings.device)
        check_backend(settings.backend)
        check_color(settings.color)
