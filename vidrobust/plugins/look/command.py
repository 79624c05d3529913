"""``look``: stability, the worst moment, causes within a budget, and the same pictures asked about again."""

from __future__ import annotations

from typing import Any

import click

from vidrobust.cli.options import GroupedCommand, given, reporter, stage_options
from vidrobust.cli.studies import on_sources
from vidrobust.plugins.look.stage import LOOK
from vidrobust.stages.catalogue import STAGES

PAIRS = 12
"""Pairs replayed unless a budget says otherwise: an answer needs 10, whatever else the machine is doing."""
PARTS = ("stability", "causes", "moments", "look", "report")


@click.command(cls=GroupedCommand)
@click.argument("sources", nargs=-1, required=True)
@stage_options(STAGES.with_needs(PARTS), gated=False)
def look(sources: tuple[str, ...], **options: Any) -> None:
    """Give a first answer in a minute: how stable, the worst moment, and where it comes from.

    The last lines say what a whole study would add, and how long it takes. It continues the same run folder.
    """
    again = dict(options)
    if not options["budget"]:
        options["pairs"] = options["pairs"] or PAIRS
    on_sources(sources, PARTS, LOOK, options)
    if not again["quiet"] and not again["as_json"]:
        click.echo(_whole_study(sources, again))


def _whole_study(sources: tuple[str, ...], options: dict[str, Any]) -> str:
    from vidrobust.pipeline.dry_run import planned
    from vidrobust.pipeline.open import settings_of
    from vidrobust.text.numbers import duration

    left_out = ("budget", "as_json", "quiet", "out", "config", "overwrite", "lasting")
    chosen = {name: value for name, value in given(options).items() if name not in left_out}
    settings, named = settings_of(sources, options["config"], chosen)
    found = planned(settings, STAGES, options["out"] or named, reporter(True), overwrite=True)
    models = " ".join(f"--model {spec}" for spec in settings.model)
    return (
        "A whole study also says what the model is sensitive to, which rule helps and what to train with, "
        f"in about {duration(found['high_s'])}:\n  vidrobust study {' '.join(sources)} {models}"
    )
