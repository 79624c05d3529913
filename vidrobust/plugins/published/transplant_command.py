"""``transplant``: the elephant in the room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import JSON, PATH, print_result
from vidrobust.errors import SettingsError


@click.command()
@click.argument("clip", type=PATH)
@click.option("--model", "-m", "spec", required=True, metavar="SPEC", help="A detector.")
@click.option(
    "--object",
    "cut_from",
    required=True,
    metavar="PICTURE[#BOX]",
    help="The picture that holds the object, and its box x1,y1,x2,y2 in px; with --masks its class.",
)
@click.option(
    "--masks",
    type=PATH,
    metavar="FILE.json",
    help="COCO annotations with the outline of the object.",
)
@click.option(
    "--label", metavar="CLASS", help="What the object is.  [default: the answer to its own picture]"
)
@click.option(
    "--scale",
    type=click.FloatRange(0.05, 20),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Its size by this factor.",
)
@click.option(
    "--grid",
    type=(click.IntRange(1), click.IntRange(1)),
    default=(6, 4),
    show_default=True,
    metavar="COLUMNS ROWS",
    help="Places.",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    metavar="N",
    help="Frames of the clip, evenly spread.",
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    default=Path("transplant"),
    show_default=True,
    metavar="DIR",
    help="Where places.csv and worst.jpg go.",
)
@click.option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu or cuda:N."
)
@JSON
def transplant(
    clip: Path, spec: str, cut_from: str, masks: Path | None, out: Path, as_json: bool, **more: Any
) -> None:
    """Move an object of another picture over CLIP: is it found, and what becomes of the other boxes?

    Rosenfeld et al. 2018. Three arms: the object's own pixels, blended in (cv2.seamlessClone), and a flat patch of the
    same outline as the control. Other boxes are those that have no pixel in common with the object.
    """
    from dataclasses import asdict

    from vidrobust.files.atomic import write_text
    from vidrobust.files.json_text import plain
    from vidrobust.models.load import load_model
    from vidrobust.plugins.published import transplant as study
    from vidrobust.report.pictures import save_picture

    model = load_model(spec, device=more["device"])
    if model.task != "detection":
        raise SettingsError(f"transplant: {model.name} is no detector")
    label = more["label"]
    if label is not None and label not in model.class_names:
        raise SettingsError(f"label: {model.name} has no class {label!r}")
    cutout = study.read_cutout(cut_from, masks, more["scale"])
    frames = frames_of(clip, more["frames"])
    table = study.transplant(model, cutout, frames, more["grid"])
    number = (
        study.own_label(model, cutout, table) if label is None else model.class_names.index(label)
    )
    figures = study.summary(table, clip.stem, number)
    out.mkdir(parents=True, exist_ok=True)
    places = study.by_place(table, number)
    write_text(out / "places.csv", places.to_csv(index=False))
    save_picture(study.worst_places(model, cutout, frames, table), out / "worst.jpg", 1600)
    called = model.class_names[number] if number != study.NONE else ""
    result = {
        "model": model.name,
        "object": called,
        "frames": len(frames),
        "arms": {
            arm: {name: asdict(each) for name, each in of.items()} for arm, of in figures.items()
        },
        "files": [str(out / "places.csv"), str(out / "worst.jpg")],
    }
    print_result(plain(result), lines(result, places), as_json)


def frames_of(clip: Path, most: int) -> list[tuple[int, float, Any]]:
    """Return number, time in s and pixels (H, W, 3) of so many frames, evenly spread."""
    import numpy as np

    from vidrobust.frames.pixels import to_array
    from vidrobust.video.source import open_video

    with open_video(clip, device="cpu", prefetch=0) as source:
        count = sum(len(batch.time_s) for batch in source.batches(32))
        numbers = np.unique(
            np.linspace(0, count - 1, min(most, count)).round().astype(int)
        ).tolist()
        batch = source.at(numbers)
    times = [float(time_s) for time_s in batch.time_s]
    return [
        (n, t, to_array(p).copy()) for n, t, p in zip(numbers, times, batch.pixels, strict=True)
    ]


def lines(result: dict[str, Any], places: Any) -> list[str]:
    """Return the shares by arm and the grid of the object's own pixels, as the console shows them."""
    from vidrobust.text.numbers import part_with_interval

    called = result["object"] or "an object that it never finds"
    text = [f"{result['model']}, {called} over {result['frames']} frames:"]
    words = {
        "found": "found",
        "named": f"found as {called}",
        "lost": "other boxes lost",
        "renamed": "other boxes renamed",
        "lost_before": "lost without NMS",
        "renamed_before": "renamed without NMS",
    }
    text.append(f"{'':24}" + "".join(f"{arm:>24}" for arm in result["arms"]))
    for name, word in words.items():
        cells = [of[name] for of in result["arms"].values()]
        shown = [
            part_with_interval(c["value"], c["low"], c["high"]) if c["n"] else "-" for c in cells
        ]
        text.append(f"{word:24}" + "".join(f"{cell:>24}" for cell in shown))
    text.append("Named right, and other boxes lost or renamed, by place of the object (pasted):")
    own = places[places["arm"] == "pasted"]
    for _, row in own.groupby("row"):
        cells = [
            f"{one.named:.0f}/{one.frames:.0f}, {one.lost + one.renamed:.0f}/{one.others:.0f}"
            for one in row.itertuples()
        ]
        text.append("  " + "".join(f"{cell:>14}" for cell in cells))
    return [*text, f"Worst places: {result['files'][1]}"]
