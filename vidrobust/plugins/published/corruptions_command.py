"""The commands of published protocols: corruptions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import PATH, print_json, refuse_idle, taken
from vidrobust.errors import SettingsError
from vidrobust.text.phrases import plural


@dataclass(frozen=True, kw_only=True)
class CorruptionOptions:
    labels: Path | None
    specs: tuple[str, ...]
    suite: str | None
    only: tuple[str, ...]
    extra: bool
    clean: Path | None
    baseline: Path | None
    device: str
    batch: str
    seed: int
    out: Path | None
    as_json: bool
    quiet: bool


@click.command()
@click.argument("images", type=PATH)
@click.option(
    "--labels",
    type=PATH,
    help="CSV with columns file,label; of detectors boxes in any format of `vidrobust labels`. Not needed where "
    "the folders say the classes.",
)
@click.option(
    "--model",
    "specs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="A model; may be repeated.",
)
@click.option(
    "--suite",
    metavar="NAME",
    help="imagenet-c, imagenet-c-bar, imagenet-p, cifar-c, tiny-imagenet-c.  [default: imagenet-c, or the files']",
)
@click.option(
    "--corruption",
    "only",
    multiple=True,
    metavar="NAME",
    help="Only this corruption; may be repeated.  [default: all]",
)
@click.option("--extra", is_flag=True, help="The four extra corruptions of ImageNet-C too.")
@click.option(
    "--clean",
    type=PATH,
    metavar="DIR",
    help="The clean images, CLASS/NAME, for relative CE of files that are corrupted already.",
)
@click.option(
    "--baseline",
    type=PATH,
    metavar="FILE",
    help="Divide by this model, of an earlier --json.  [default: AlexNet]",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu or cuda:N."
)
@click.option(
    "--batch", default="auto", show_default=True, metavar="N", help="auto, or pictures a batch."
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of the random corruptions."
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="FILE",
    help="Write the result as JSON, or with .csv a row a model and corruption.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only warnings and errors.")
def corruptions(images: Path, **options: Any) -> None:
    """Errors under published corruptions of a folder of IMAGES: CE and mCE, flip rates, or mPC of detectors.

    IMAGES are clean, and corrupted on the way (with --labels, or a folder a class: names, or WordNet
    numbers), or the authors' own files: CORRUPTION/STRENGTH/CLASS/*.JPEG of ImageNet-C,
    SEQUENCE/CLASS/*.mp4 of ImageNet-P. Detectors take --labels with boxes: average precision on clean pictures,
    its mean over the corruptions (mPC) and the share that is kept (rPC).
    """
    from vidrobust.models.load import classifiers_of, load_models
    from vidrobust.pipeline.progress import Reporter
    from vidrobust.plugins.published import corrupted_files
    from vidrobust.plugins.published.corruption_error import read_baseline
    from vidrobust.plugins.published.corruptions import corruptions as measure
    from vidrobust.plugins.published.corruptions import with_extra
    from vidrobust.plugins.published.labelled_images import Layout, read_labels, read_layout

    asked = taken(CorruptionOptions, options)
    labels, batch, suite, clean = asked.labels, asked.batch, asked.suite, asked.clean
    if batch != "auto" and not batch.isdecimal():
        raise SettingsError(f"batch: expected auto or a whole number from 1, got {batch!r}")
    if asked.out is not None and asked.out.suffix.lower() not in (".json", ".csv"):
        raise SettingsError(
            f"out: expected a file that ends with .json or .csv, got {str(asked.out)!r}"
        )
    loaded = load_models(asked.specs, device=asked.device)
    if labels is not None and any(model.task == "detection" for model in loaded):
        refuse_idle(("suite", "extra", "clean", "baseline", "batch"), "of detectors")
        _said(_of_detectors(images, labels, loaded, asked), asked)
        return
    models = classifiers_of(loaded)
    layout = (
        Layout(plain=read_labels(images, labels)) if labels is not None else read_layout(images)
    )
    of_files = corrupted_files.suite_of(layout) if layout.plain is None else None
    if of_files is not None and suite not in (None, of_files):
        raise SettingsError(f"suite: the files are of {of_files}, got {suite!r}")
    if clean is not None and (of_files is None or layout.films):
        raise SettingsError(
            "clean: belongs to files that are corrupted already, CORRUPTION/STRENGTH/CLASS"
        )
    if layout.plain is None:
        refuse_idle(("extra", "seed"), "of files that are corrupted already")
    if layout.films:
        refuse_idle(("only",), "of ImageNet-P")
    chosen = of_files or suite or "imagenet-c"
    divisor: Any = None if asked.baseline is None else read_baseline(asked.baseline, chosen)
    reporter, only = Reporter(quiet=asked.quiet), asked.only
    size: Any = "auto" if batch == "auto" else int(batch)
    total = corrupted_files.cells_of(layout, only) if layout.plain is None else len(layout.plain)
    with reporter.counting(chosen, total, "images") as counter:
        more: dict[str, Any] = {"batch": size, "step": counter.advance, "baseline": divisor}
        if layout.plain is not None:
            only = with_extra(only, chosen) if asked.extra else only
            result = measure(layout.plain, models, suite=chosen, seed=asked.seed, only=only, **more)
        elif layout.films:
            result = corrupted_files.measure_flips(layout, models, **more)
        else:
            uncorrupted = None if clean is None else read_layout(clean).plain
            result = corrupted_files.measure_errors(
                layout, models, only=only, clean=uncorrupted, **more
            )
    _said(result, asked)


def _of_detectors(
    images: Path, labels: Path, models: list[Any], asked: CorruptionOptions
) -> dict[str, Any]:
    from vidrobust.pipeline.progress import Reporter
    from vidrobust.plugins.published.corrupted_boxes import SUITE, box_corruptions, read_boxed

    others = [model.name for model in models if model.task != "detection"]
    if others:
        raise SettingsError(f"model: detectors and other models in one call: {', '.join(others)}")
    boxed = read_boxed(images, labels)
    with Reporter(quiet=asked.quiet).counting(SUITE, len(boxed.paths), "images") as counter:
        return box_corruptions(
            boxed, models, only=asked.only, seed=asked.seed, step=counter.advance
        )


def _said(results: dict[str, Any], asked: CorruptionOptions) -> None:
    from vidrobust.pipeline.progress import Reporter

    for problem in results["problems"]:
        Reporter().warn(f"error: {problem}")
    if asked.out is not None:
        _write(results, asked.out)
    if asked.as_json:
        print_json(results)
    else:
        _print(results)


def _write(results: dict[str, Any], out: Path) -> None:
    import pandas as pd

    from vidrobust.files.atomic import csv_text, write_text
    from vidrobust.files.json_text import json_text

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".json":
        write_text(out, json_text(results))
        return
    rows: list[dict[str, object]] = []
    for model, one in results["models"].items():
        for name, row in (one.get("corruptions") or one.get("sequences")).items():
            lists = {
                f"{PER_STRENGTH[key]}_{k}": value
                for key in row.keys() & PER_STRENGTH.keys()
                for k, value in enumerate(row[key], 1)
            }
            rest = {key: value for key, value in row.items() if key not in PER_STRENGTH}
            rows.append(
                {"suite": results["suite"], "model": model, "corruption": name} | lists | rest
            )
    write_text(out, csv_text(pd.DataFrame(rows)))


# Lists of a figure for each strength, and what their columns are called
PER_STRENGTH = {"errors": "error", "ap": "ap", "ap50": "ap50"}


def _print_boxes(name: str, one: dict[str, Any]) -> None:
    from vidrobust.text.numbers import number, percent

    click.echo(f"{name}: {plural(one['n'], 'image')}, {plural(one['boxes'], 'known box')}")
    for metric, title in (("ap", "AP"), ("ap50", "AP50")):
        clean, mpc, rpc = (one[key][metric] for key in ("clean", "mpc", "rpc"))
        kept = "not defined" if rpc != rpc else percent(rpc)
        click.echo(f"  {title} {number(clean, 4)} clean, mPC {number(mpc, 4)}, rPC {kept}")
    for corruption, row in one["corruptions"].items():
        click.echo(f"  {corruption:20s} AP {' '.join(f'{value:.3f}' for value in row['ap'])}")


def _print(results: dict[str, Any]) -> None:
    for name, one in results["models"].items():
        if "mpc" in one:
            _print_boxes(name, one)
            continue
        clean = one["clean_error"]
        error = f"clean error {100 * clean:.1f} %" if clean == clean else "clean error not measured"
        groups = f" in {plural(one['groups'], 'group')}" if "groups" in one else ""
        click.echo(f"{name}: {plural(one['n'], 'image')}{groups}, {error}")
        if "mce" in one:
            few = _of_few(results["suite"], one["corruptions"])
            click.echo(
                f"  mCE {_figure(one, 'mce')}, relative mCE {_figure(one, 'relative_mce')}{few}"
            )
            for corruption, row in one["corruptions"].items():
                extra = "   (extra)" if row.get("extra") else ""
                errors = " ".join(f"{100 * e:5.1f}" for e in row["errors"])
                click.echo(f"  {corruption:20s} errors {errors} %   CE {row['ce']:.1f}{extra}")
        else:
            flips, mfr, t5d = (_figure(one, key) for key in ("flip_probability", "mfr", "t5d"))
            divided = f", mT5D {_figure(one, 'mt5d')}" if "mt5d" in one else ""
            click.echo(f"  flip probability {flips}, mFR {mfr}, T5D {t5d}{divided}")
            for sequence, row in one["sequences"].items():
                click.echo(
                    f"  {sequence:20s} flip probability {row['flip_probability']:.4f}   "
                    f"FR {row['flip_rate']:.1f}   T5D {row['t5d']:.2f}"
                )
        if one.get("note"):
            click.echo(f"  {one['note']}")
    for note in results["notes"]:
        click.echo(f"- {note}")


def _of_few(suite: str, measured: Collection[str]) -> str:
    from vidrobust.plugins.published.corruptions import ERROR_SUITES

    counting = (
        [item.name for item in ERROR_SUITES[suite]().perturbations] if suite in ERROR_SUITES else []
    )
    there = sum(name in measured for name in counting)
    return (
        ""
        if there == len(counting)
        else f", over {there} of the {len(counting)} corruptions that count"
    )


def _figure(one: dict[str, Any], key: str) -> str:
    from vidrobust.text.numbers import with_interval

    return with_interval(one[key], one[f"{key}_low"], one[f"{key}_high"], digits=3)
