"""Options come from the stages: what a command shows, its stages use, and what they use, it shows."""

from __future__ import annotations

import dataclasses

import click
import pytest

from tests.pipeline.conftest import run
from vidrobust.cli.app import SECTIONS, cli
from vidrobust.cli.grouped import GroupedCommand
from vidrobust.cli.options import OPTIONS
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES


def flags(name: str) -> set[str]:
    """The settings that are options of a command."""
    return {p.name for p in cli.commands[name].params if isinstance(p, click.Option) and p.name is not None}


def test_each_setting_is_one_option() -> None:
    settings = {field.name for field in dataclasses.fields(Settings)} - {"sources", "model"}
    assert sorted(option.setting for option in OPTIONS) == sorted(settings)


@pytest.mark.parametrize("stage", [stage for stage in STAGES.stages if stage.command], ids=lambda s: s.name)
def test_a_stage_has_the_options_that_it_and_what_it_needs_depend_on(stage: object) -> None:
    stages = STAGES.with_needs([stage.name])  # type: ignore[attr-defined]
    used = {name for each in stages for name in each.all_settings}
    of_stages = {option.setting for option in OPTIONS if option.used_by == "stage"}
    assert flags(stage.name) & of_stages == used & of_stages  # type: ignore[attr-defined]


def test_a_command_without_a_model_has_none_of_its_options() -> None:
    assert not {"model", "batch", "engine", "pairs", "fail_if", "trained_with"} & flags("variation")
    assert {"device", "start_s", "seed"} <= flags("variation")
    assert not {"start_s", "model", "workers"} & flags("report")


def test_the_usual_options_of_a_study_fit_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("study", "--help") == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 50
    assert "--model" in text
    assert "--max-gap" not in text
    assert run("study", "--help-all") == 0
    assert "--max-gap" in capsys.readouterr().out


def test_every_option_says_its_unit_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    for option in OPTIONS:
        default = getattr(Settings(), option.setting)
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert run("study", "--help-all") == 0
            assert f"[default: {default}]" in " ".join(capsys.readouterr().out.split()), option.flag


def test_every_command_stands_in_a_section() -> None:
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(cli.commands)
    assert isinstance(cli.commands["study"], GroupedCommand)
