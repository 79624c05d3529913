"""The command transplant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidrobust.cli.options import taken
from vidrobust.errors import SettingsError

if TYPE_CHECKING:
    from vidrobust.plugins.published.transplant.study import Background

Numbers = tuple[float, ...]


def _numbers(count: int) -> Any:
    def read(
        context: click.Context, parameter: click.Parameter, value: str | None
    ) -> Numbers | None:
        try:
            found = None if value is None else tuple(float(part) for part in value.split(","))
        except ValueError:
            found = ()
        if found is not None and len(found) != count:
            raise click.BadParameter(f"expected {count} numbers with commas between, got {value!r}")
        return found

    return read


@dataclass(frozen=True, kw_only=True)
class TransplantOptions:
    spec: str
    object_file: Path
    object_frame: int
    object_box: tuple[float, float, float, float] | None
    object_mask: Path | None
    label: str | None
    scale: float
    feather: float
    neutral: str
    grid: tuple[float, float]
    frames: tuple[int, ...]
    covered: float
    out: Path | None
    device: str
    as_json: bool
    quiet: bool


@click.command()
@click.argument("backgrounds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model", "-m", "spec", required=True, metavar="SPEC", help="A detector or a classifier."
)
@click.option(
    "--object",
    "object_file",
    required=True,
    type=click.Path(path_type=Path),
    help="What is pasted: an image with alpha, or a clip or image to cut it from.",
)
@click.option(
    "--object-frame",
    default=0,
    metavar="N",
    help="The frame of a clip, counted from 0.  [default: 0]",
)
@click.option(
    "--object-box",
    metavar="X1,Y1,X2,Y2",
    callback=_numbers(4),
    help="The region of that frame, px.",
)
@click.option(
    "--object-mask",
    type=click.Path(path_type=Path),
    help="An image of that frame's size: 128 and more is the object.",
)
@click.option(
    "--label", metavar="CLASS", help="What the object is.  [default: the most frequent answer]"
)
@click.option("--scale", default=1.0, metavar="X", help="Its size, a factor.  [default: 1]")
@click.option("--feather", default=0.0, metavar="PX", help="Softens its border, px.  [default: 0]")
@click.option(
    "--neutral",
    type=click.Choice(["flat", "blurred"]),
    default="flat",
    show_default=True,
    help="The control patch: its mean colour, or itself blurred.",
)
@click.option(
    "--grid",
    default="8,6",
    metavar="COLUMNS,ROWS",
    callback=_numbers(2),
    help="Columns and rows of positions.  [default: 8,6]",
)
@click.option(
    "--frame",
    "frames",
    multiple=True,
    type=int,
    metavar="N",
    help="Frames of each background, counted from 0.  [default: 0]",
)
@click.option(
    "--covered",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="A box counts as not covered up to this share of its area.  [default: 0]",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where map.png, worst_N.png, tables go.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu or cuda:N."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only warnings and errors.")
def transplant(backgrounds: tuple[Path, ...], **options: Any) -> None:
    """The elephant in the room: an object pasted over a grid of positions of BACKGROUNDS, clips or images.

    How often a detector finds it, under which class, and what it does to boxes that it does not cover; how often a
    classifier says what it is; where in the picture, and beside a neutral patch of the same outline.
    """
    from vidrobust.files.json_text import json_text
    from vidrobust.models.load import load_model
    from vidrobust.pipeline.progress import Reporter
    from vidrobust.plugins.published.transplant.cutout import read_cutout
    from vidrobust.plugins.published.transplant.study import TransplantSettings
    from vidrobust.plugins.published.transplant.study import transplant as measure
    from vidrobust.plugins.published.transplant.summary import draw, places_of, sentence, summary
    from vidrobust.plugins.published.transplant.summary import transplant_of_classes as of_classes

    asked = taken(TransplantOptions, options)
    label, grid, out = asked.label, asked.grid, asked.out
    cutout = read_cutout(
        asked.object_file,
        frame=asked.object_frame,
        box=asked.object_box,
        mask=asked.object_mask,
        scale=asked.scale,
        feather_px=asked.feather,
    )
    model = load_model(asked.spec, device=asked.device)
    if label is not None and label not in model.class_names:
        raise SettingsError(f"label: {model.name} has no class {label!r}")
    if any(part != int(part) for part in grid):
        raise SettingsError("grid: expected whole numbers of columns and rows")
    settings = TransplantSettings(
        columns=int(grid[0]),
        rows=int(grid[1]),
        covered=asked.covered,
        neutral="flat" if asked.neutral == "flat" else "blurred",
    )
    shown = _frames(backgrounds, asked.frames or (0,))
    with Reporter(quiet=asked.quiet).counting("transplant", len(shown), "backgrounds") as counter:
        expected = None if label is None else model.class_names.index(label)
        if model.task == "detection":
            found = measure(model, cutout, shown, settings, counter.advance)
        else:
            found = of_classes(model, cutout, shown, settings, expected, counter.advance)
    figures = summary(found, model.class_names, expected)
    known = figures["object"]["class"]
    tables = places_of(
        found,
        shown,
        cutout.alpha.shape,
        model.name,
        None if known is None else model.class_names.index(known),
    )
    said = {
        "model": model.name,
        "task": model.task,
        "object_name": cutout.name,
        "object_px": [cutout.alpha.shape[1], cutout.alpha.shape[0]],
        "grid": [settings.columns, settings.rows],
        **figures,
        "places": sentence(tables),
    }
    if out is not None:
        from vidrobust.plugins.published.transplant.written import write

        said["files"] = write(found, shown, model, cutout, settings, said, out)
        draw(tables, f"{model.name}: at which share of places {known} is known", out / "places.png")
        tables["by_place"].to_parquet(out / "places.parquet", index=False)
        said["files"] += [str(out / name) for name in ("places.png", "places.parquet")]
    click.echo(json_text(said), nl=False) if asked.as_json else _print(said)


def _frames(paths: tuple[Path, ...], numbers: tuple[int, ...]) -> list[Background]:
    from vidrobust.frames.pixels import to_array
    from vidrobust.plugins.published.transplant.study import Background
    from vidrobust.video.source import open_video

    found = []
    for path in paths:
        with open_video(path, device="cpu", prefetch=0) as source:
            pictures = [to_array(pixels).copy() for pixels in source.at(list(numbers)).pixels]
        found += [
            Background(name=str(path), frame=n, pixels=p)
            for n, p in zip(numbers, pictures, strict=True)
        ]
    return found


def _print(said: dict[str, Any]) -> None:
    thing = said["object"]
    width, height = said["object_px"]
    click.echo(f"{said['model']}, {said['object_name']} ({width} x {height} px):")
    if said["task"] == "detection":
        click.echo(
            f"  found          {_share(thing['recall'])}; neutral patch {_share(thing['neutral_found'])}"
        )
        click.echo(f"  as {thing['class']} ({thing['class_from']})  {_share(thing['class_rate'])}")
    else:
        rates = f"{_share(thing['class_rate'])}; neutral patch {_share(thing['neutral_found'])}"
        click.echo(f"  answered as {thing['class']} ({thing['class_from']})  {rates}")
    click.echo(f"  changes from position to position  {_share(thing['position_flip_rate'])}")
    click.echo(f"  where          {said['places']}")
    for patch, each in said["others"].items():
        if each["n"]:
            click.echo(
                f"  other boxes, {patch}: lost {_share(each['lost'])}, renamed {_share(each['renamed'])}, "
                f"new {each['new_a_picture']:.2f} a picture, score by {each['score_change']['value']:.3f}"
            )
    for name in said.get("files", ()):
        click.echo(f"  {name}")


def _share(rate: dict[str, float]) -> str:
    from vidrobust.text.numbers import percent_with_interval

    if not rate["n"]:
        return "none"
    share = percent_with_interval(rate["value"], rate["low"], rate["high"])
    return f"{share} of {rate['n']:.0f}"
