"""``look``: stability, the worst moment, causes within a budget, and the same pictures asked about again."""

from __future__ import annotations

import shlex
import time
from typing import Any

import click

from vidrobust.cli.options import GroupedCommand, given, reporter, stage_options
from vidrobust.cli.studies import on_sources
from vidrobust.pipeline.stage import Stages
from vidrobust.plugins.look.stage import LOOK
from vidrobust.stages.catalogue import STAGES

BUDGET = "60s"
"""What a look takes unless a budget or a number of pairs says otherwise."""
PARTS = ("stability", "causes", "moments", "look", "report")


@click.command(cls=GroupedCommand)
@click.argument("sources", nargs=-1, required=True)
@stage_options(STAGES.with_needs(PARTS), gated=False)
def look(sources: tuple[str, ...], **options: Any) -> None:
    """Give a first answer in a minute: how stable, the worst moment, and where it comes from.

    The last lines say what a whole study would add, and how long it takes. It continues the same run folder.
    """
    again, began = dict(options), time.monotonic()
    if not options["pairs"]:
        options["budget"] = options["budget"] or BUDGET
    on_sources(sources, PARTS, LOOK, options)
    if not again["quiet"] and not again["as_json"]:
        click.echo(_whole_study(sources, again, time.monotonic() - began))


def _whole_study(sources: tuple[str, ...], options: dict[str, Any], took_s: float) -> str:
    """Say how to continue; how long that takes is measured only where there is time for it."""
    from vidrobust.pipeline.deadline import REST_S
    from vidrobust.pipeline.dry_run import planned
    from vidrobust.pipeline.estimate import usual
    from vidrobust.pipeline.open import folder_of, settings_of
    from vidrobust.run_folder.declared import seconds_of
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.text.numbers import duration

    left_out = ("budget", "as_json", "quiet", "out", "config", "overwrite")
    chosen = {name: value for name, value in given(options).items() if name not in left_out}
    settings, out = settings_of(sources, options["config"], chosen)
    out = options["out"] or out
    made = RunFolder(folder_of(settings, out)).run
    pairs, stages, pairs_s, takes = made["sample"]["pairs"], STAGES, 0.0, ""
    if pairs:  # what a pair takes is known from those of the look
        stages = Stages(tuple(stage for stage in STAGES.stages if stage.name != "causes"))
        pairs_s = made["stages"]["causes"]["seconds"] / pairs * usual(len(made["inputs"])).pairs
    if took_s < seconds_of(options["budget"] or BUDGET) - REST_S:
        plan = planned(settings, stages, out, reporter(True), overwrite=True)
        takes = f", in about {duration(plan['high_s'] + pairs_s)}"
    named = [part for spec in settings.model for part in ("--model", spec)] + (
        ["--out", out] if out else []
    )
    return (
        "A whole study also says what the model is sensitive to, which rule helps and what to train with"
        f"{takes}:\n  "
        f"{shlex.join(['vidrobust', 'study', *sources, *named])}"
    )
