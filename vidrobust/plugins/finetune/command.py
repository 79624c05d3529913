"""``adapt``: try recipes of fine-tuning on the footage, and choose one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import PATH, NamedPath, print_json, reporter
from vidrobust.plugins.finetune.request import NAMED
from vidrobust.text.numbers import percent


@click.command()
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    type=PATH,
    metavar="NAME|FILE",
    help=f"Try this recipe too: {', '.join(NAMED)}; or one of yours: a Python file that defines transform, an "
    "Albumentations YAML, or an Ultralytics hyp YAML. May be given several times.  [default: none]",
)
@click.option(
    "--only",
    is_flag=True,
    help="Try plain fine-tuning and the recipes of --recipe alone, all for every step.",
)
@click.option(
    "--on",
    metavar="OTHER",
    help="Train on other footage, such as labelled pictures of a calm day. RUN then chooses and judges, and part of it "
    "may train without labels. A video, a folder, a manifest, or a run folder of the same network; parts that judge "
    "are left out.  [default: part of RUN trains]",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    help="How often each recipe that goes on is trained.  [default: 2]",
)
@click.option(
    "--steps",
    type=click.IntRange(min=3),
    metavar="N",
    help="Steps of a training; after a third the worse half of the recipes is left out.  [default: 150; with --quick "
    "what time allows]",
)
@click.option(
    "--batch", type=click.IntRange(min=2), metavar="N", help="Frames of a step.  [default: 16]"
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="RATE",
    help="Largest learning rate.  [default: 0.001]",
)
@click.option(
    "--targets",
    type=click.Choice(["auto", "labels", "self"]),
    help="What is learnt: labels, or the model's own confident answers over time; auto: labels where they are of "
    "its classes.  [default: auto]",
)
@click.option(
    "--frames",
    "training",
    type=click.IntRange(min=8),
    metavar="N",
    help="Frames to train with, at most.  [default: 600]",
)
@click.option(
    "--model", metavar="NAME", help="Which model of the run.  [default: its first classifier]"
)
@click.option(
    "--policy",
    type=NamedPath(exists=True, dir_okay=False),
    metavar="FILE",
    help="A policy.json.  [default: the run's]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="As many steps as fit into minutes, on fewer frames; the policy is tried if the run has one already.",
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="Seed of the split into training and judging.  [default: 0]",
)
@click.option("--json", "as_json", is_flag=True, help="Print adaptation.json.")
@click.option("--quiet", "-q", is_flag=True, help="Warnings and errors only.")
def adapt(run_folder: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Try the usual augmentations, the policy and your own recipes on this footage, and keep what heals.

    RUN is a run folder with a classifier that is a torch module, or a detector of torchvision's protocol. Part of
    its footage judges and is used for nothing else. Every recipe trains briefly, the better half goes on, and flips,
    disagreement over time and known errors on other parts of RUN choose, if errors at rest do not rise. A second
    call trains only what is not there yet.
    """
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.plugins.finetune.request import AdaptRequest
    from vidrobust.plugins.finetune.study import adapt as study
    from vidrobust.stages.catalogue import STAGES
    from vidrobust.stages.policy.stage import POLICY
    from vidrobust.stages.stability.stage import STABILITY

    asked = AdaptRequest(**{name: value for name, value in options.items() if value is not None})
    if asked.only and not asked.recipes:
        raise click.UsageError("--only is of recipes that --recipe names")
    needs_policy = asked.policy is None and not asked.quick and asked.tries_policy
    with opened_folder(run_folder, {}, reporter(quiet)) as run:
        build(run, STAGES, [POLICY.name if needs_policy else STABILITY.name])
        result = study(run, asked)
    if as_json:
        print_json(result)
        return
    click.echo("recipe                      flips  errors  at rest  steps")
    for row in result["recipes"]:
        cells = [_cell(row[name]) for name in ("flips", "errors", "errors_at_rest")]
        mark = "  chosen" if row["chosen"] else ""
        click.echo(
            f"{row['name']:26}{''.join(f'{cell:>8}' for cell in cells)}{row['steps']:>7}{mark}"
        )
    click.echo(result["said"])
    if result["weights"]:
        click.echo(f"Weights: {result['weights']}{_loaded(result['spec'])}")
    for row in result["recipes"]:
        if row.get("file"):
            click.echo(f"{row['name']}: {row['file']}{_loaded(row['spec'])}")
    if result["next"]:
        click.echo(f"Next: {result['next']}")


def _cell(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _loaded(spec: str) -> str:
    return f"; as a model: {spec}" if spec else ""
