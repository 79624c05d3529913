"""The commands of published protocols: corruptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.printing import print_json
from vidrobust.errors import SettingsError


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--labels", required=True, type=click.Path(path_type=Path), help="CSV with columns file,label.")
@click.option(
    "--model", "specs", multiple=True, required=True, metavar="SPEC", help="A model; may be repeated."
)
@click.option(
    "--suite", default="imagenet-c", metavar="NAME", help="imagenet-c, imagenet-c-bar, imagenet-p or cifar-c."
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Divide by this model, of an earlier --json, not by AlexNet.",
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu or cuda:N.")
@click.option("--batch", default="auto", metavar="N", help="auto, or pictures a batch.")
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of the random corruptions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only warnings and errors.")
def corruptions(
    images: Path,
    labels: Path,
    specs: tuple[str, ...],
    suite: str,
    baseline: Path | None,
    device: str,
    batch: str,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Errors under published corruptions of a folder of IMAGES: CE and mCE, or flip rates. Nothing is written."""
    from vidrobust.models.load import load_classifiers
    from vidrobust.pipeline.progress import Reporter
    from vidrobust.protocols.corruptions import corruptions as measure
    from vidrobust.protocols.labelled_images import read_labels
    from vidrobust.protocols.own_baseline import read_baseline

    if batch != "auto" and not batch.isdecimal():
        raise SettingsError(f"batch: expected auto or a whole number from 1, got {batch!r}")
    divisor = None if baseline is None else read_baseline(baseline, suite)
    reporter = Reporter(quiet=quiet)
    labelled = read_labels(images, labels)
    models = load_classifiers(specs, device=device)
    with reporter.counting(suite, len(labelled), "images") as counter:
        found = measure(
            labelled,
            models,
            suite=suite,
            seed=seed,
            batch="auto" if batch == "auto" else int(batch),
            step=counter.advance,
            baseline=divisor,
        )
    problems = found["problems"]
    assert isinstance(problems, list)
    for problem in problems:
        reporter.warn(f"error: {problem}")
    if as_json:
        print_json(found)
    else:
        _print(found)


def commands() -> tuple[click.Command, ...]:
    """All commands of this module."""
    return (corruptions,)


def _print(found: dict[str, Any]) -> None:
    for name, one in found["models"].items():
        click.echo(f"{name}: {one['n']} images, clean error {100 * one['clean_error']:.1f} %")
        if "mce" in one:
            click.echo(f"  mCE {_figure(one, 'mce')}, relative mCE {_figure(one, 'relative_mce')}")
            for corruption, each in one["corruptions"].items():
                errors = " ".join(f"{100 * e:5.1f}" for e in each["errors"])
                click.echo(f"  {corruption:20s} errors {errors} %   CE {each['ce']:.1f}")
        else:
            flips, mfr, t5d = (_figure(one, key) for key in ("flip_probability", "mfr", "t5d"))
            divided = f", mT5D {_figure(one, 'mt5d')}" if "mt5d" in one else ""
            click.echo(f"  flip probability {flips}, mFR {mfr}, T5D {t5d}{divided}")
            for sequence, each in one["sequences"].items():
                click.echo(
                    f"  {sequence:20s} flip probability {each['flip_probability']:.4f}   "
                    f"FR {each['flip_rate']:.1f}   T5D {each['t5d']:.2f}"
                )
        if one.get("note"):
            click.echo(f"  {one['note']}")
    for note in found["notes"]:
        click.echo(f"- {note}")


def _figure(one: dict[str, Any], key: str) -> str:
    from vidrobust.text.numbers import with_interval

    return with_interval(one[key], one[f"{key}_low"], one[f"{key}_high"], digits=3)
