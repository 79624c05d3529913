"""``adapt``: fine-tune with the policy and its baselines, judge on held-out footage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import print_json, reporter


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--arms",
    default=None,
    metavar="NAMES",
    help="With commas, of none, none-again, random, literature (AugMix; of a detector SSD's), trivialaugment, "
    "stability, policy, policy-alone, policy-swapped, policy-temporal, policy-distilled; of a detector those "
    "that fit boxes.  [default: none,random,literature,policy; with --quick without literature]",
)
@click.option("--seeds", type=int, metavar="N", help="How often each arm is trained.  [default: 3]")
@click.option(
    "--steps",
    type=int,
    metavar="N",
    help="Steps of each training, half of them in either stage.  [default: 200; with --quick what time allows]",
)
@click.option("--batch", type=int, metavar="N", help="Frames of a step.  [default: 16]")
@click.option("--rate", type=float, metavar="RATE", help="Largest learning rate.  [default: 0.001]")
@click.option(
    "--on",
    metavar="OTHER",
    help="Train on other footage, such as labelled pictures of a calm day, and on half of RUN without its labels; "
    "the other half judges. A video, a folder, a manifest, or a run folder of the same network; parts that judge "
    "are left out.  [default: part of RUN]",
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
    type=int,
    metavar="N",
    help="Frames to train with, at most.  [default: 600]",
)
@click.option(
    "--model", metavar="NAME", help="Which model of the run.  [default: its first classifier]"
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A policy.json.  [default: the run's]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="As many steps as fit into minutes; fewer frames train and judge, at the policy's ranges alone, and no "
    "leaks between families are looked for.",
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
    """Train with the policy, and judge on footage it has not seen: is it better than random augmentation?

    RUN is a run folder with a classifier that is a torch module, or a detector of torchvision's protocol; its
    policy is made first where it is missing. Every arm has the same steps and frames: a first stage with labels,
    a second with the consensus of the better network on the run's unlabelled frames too, then weights between old
    and new, chosen on frames that validate. A second call trains only what is not there yet.
    """
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.plugins.finetune.arms import AdaptRequest
    from vidrobust.plugins.finetune.study import adapt as study
    from vidrobust.stages.catalogue import STAGES
    from vidrobust.stages.policy.stage import POLICY
    from vidrobust.stages.stability.stage import STABILITY

    asked = AdaptRequest(**{name: value for name, value in options.items() if value is not None})
    needs_policy = asked.policy is None and asked.mixes
    with opened_folder(run_folder, {}, reporter(quiet)) as run:
        build(run, STAGES, [POLICY.name if needs_policy else STABILITY.name])
        found = study(run, asked)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(line for line in (*found["sentences"], found["said"]) if line))
