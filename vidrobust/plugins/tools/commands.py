"""The commands inspect, labels, perturbations and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import JSON, end, print_json, print_result, print_rows, refuse_idle
from vidrobust.errors import InputError
from vidrobust.text.printable import printable


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--frame-md5", is_flag=True, help="The md5 of every RGB24 frame, as ffmpeg's framemd5 gives it."
)
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, pyav, torchcodec or decord.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def inspect(paths: tuple[str, ...], frame_md5: bool, backend: str, as_json: bool) -> None:
    """What each of PATHS is, as decoded, and what is wrong with it."""
    from vidrobust.plugins.tools.inspect import inspect_paths

    entries = inspect_paths(paths, frame_md5=frame_md5, backend=backend)
    if as_json:
        print_json(entries)
    else:
        _print_inspected(entries)
    unreadable = [entry for entry in entries if not entry["frames"]]
    for entry in unreadable:
        problem, path = "; ".join(entry["problems"]), printable(entry["path"])
        where = "" if path in problem else f"{path}: "
        click.echo(f"error: {where}{problem}", err=True)
    if unreadable:
        end(3)


@click.command()
@click.option(
    "--suite",
    "suite_name",
    default="natural",
    show_default=True,
    metavar="NAME",
    help="Which suite.",
)
@click.option(
    "--render",
    "render_image",
    metavar="IMAGE",
    help="Apply each perturbation and strength to this image.",
)
@click.option(
    "--out", metavar="DIR", help="Where --render writes NAME/STRENGTH.png and contact_sheet.png."
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Seed of the random ones.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def perturbations(
    suite_name: str, render_image: str | None, out: str | None, seed: int, as_json: bool
) -> None:
    """The catalogue of perturbations; with --render, a picture of each strength."""
    from vidrobust.perturb.catalogue import suite

    entries = suite(suite_name)
    if render_image is None:
        refuse_idle(("out", "seed"), "without --render IMAGE")
        _print_catalogue(entries, as_json)
        return
    if out is None:
        raise click.UsageError("--render needs --out DIR")
    refuse_idle(("as_json",), "with --render, which draws")
    from vidrobust.plugins.tools.render import render

    written = render(Path(render_image), Path(out), seed=seed, suite_name=suite_name)
    click.echo(f"{len(written)} pictures in {out}")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format", "name", metavar="NAME", help="The format.  [default: the one that recognises it]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def labels(paths: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """What annotation FILEs or folders hold, and what in them cannot be used."""
    from vidrobust.footage.labels.formats import read_labels
    from vidrobust.plugins.tools.label_counts import as_text, summary

    entries, failed = [], False
    for path in paths:
        try:
            entries.append(summary(read_labels(path, name)))
        except InputError as error:
            failed = True
            click.echo(f"error: {error}", err=True)
    print_result(entries, [as_text(entry) for entry in entries], as_json)
    if failed or any(entry["rows"] == 0 for entry in entries):
        end(3)


def _print_inspected(results: list[dict[str, Any]]) -> None:
    for entry in results:
        click.echo(printable(entry["path"]))
        if not entry["frames"]:
            click.echo("  ! cannot be read: the reason is on standard error")
            continue
        click.echo(
            f"  {entry['codec']}, {entry['pixel_format']}, {entry['width']} x {entry['height']}, "
            f"{entry['frame_rate']} frames/s, {entry['frames']} frames, {entry['duration_s']:.3f} s, "
            f"{entry['corrupt_frames']} corrupt"
        )
        for note in entry["notes"]:
            click.echo(f"  - {note}")
        for problem in entry["problems"]:
            click.echo(f"  ! {problem}")
        for number, digest in enumerate(entry.get("frame_md5") or ()):
            click.echo(f"  {number} {digest}")


def _print_catalogue(entries: tuple[Any, ...], as_json: bool) -> None:
    rows = [
        {
            "name": entry.name,
            "family": entry.family,
            "unit": entry.unit,
            "strengths": ", ".join(f"{s:g}" for s in entry.strengths),
            "range": f"{entry.range[0]:g} to {entry.range[1]:g}",
            "single_frames": "yes"
            if entry.on_single_frames
            else f"not applicable. {entry.needs_neighbours}",
            "what": entry.doc,
        }
        for entry in entries
    ]
    print_rows(rows, as_json)


@click.command()
@JSON
def doctor(as_json: bool) -> None:
    """What works on this machine: packages, decoders, devices, extras, and how to get what is missing."""
    from vidrobust.plugins.tools.doctor import diagnose

    print_rows(diagnose(), as_json)
