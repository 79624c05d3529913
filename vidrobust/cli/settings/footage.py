"""What of the footage is read, and how."""

from __future__ import annotations

import click

from vidrobust.cli.settings.setting_option import SettingOption, option


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return None if value is None else tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected whole numbers with commas between, got {value!r}") from error


FOOTAGE: tuple[SettingOption, ...] = (
    option(
        "--labels",
        "Annotations, in any format that vidrobust labels reads.",
        "Footage",
        used_by="model",
        metavar="FILE",
    ),
    option(
        "--label-offset",
        "Where the clips begin on the clock of their labels: 12.5 (seconds) or 300f (frames).  [default: 0]",
        "Footage",
        advanced=True,
        used_by="model",
        metavar="TIME",
    ),
    option(
        "--known",
        "What the models were trained for.  [default: not asked]",
        "Footage",
        multiple=True,
        metavar="REF",
    ),
    option(
        "--start-s",
        "Start at this time, seconds.  [default: the beginning]",
        "Footage",
        type=float,
        metavar="S",
    ),
    option("--end-s", "End at this time, seconds.  [default: the end]", "Footage", type=float, metavar="S"),
    option(
        "--fps", "Use about F frames per second.  [default: all frames]", "Footage", type=float, metavar="F"
    ),
    option("--every", "Use every K-th frame.", "Footage", advanced=True, type=int, metavar="K"),
    option(
        "--roi",
        "Cut all pictures to this region, px.  [default: the whole picture]",
        "Footage",
        advanced=True,
        metavar="X,Y,W,H",
        callback=_numbers,
    ),
    option(
        "--crop",
        "Judge each labelled object, cut out of its frames.  [default: whole frames]",
        "Footage",
        advanced=True,
        used_by="footage",
        type=click.Choice(["boxes"]),
    ),
    option(
        "--crop-margin",
        "Context about a box, as a share of its longer side.",
        "Footage",
        advanced=True,
        type=float,
        metavar="SHARE",
    ),
    option("--crop-size", "Side of a cut-out, px.", "Footage", advanced=True, type=int, metavar="PX"),
    option(
        "--motion-limit",
        "Largest shift that still is the same view, as a share of the width.",
        "Footage",
        advanced=True,
        type=float,
        metavar="SHARE",
    ),
    option(
        "--backend", "Decoder: auto, pyav, torchcodec or decord.", "Footage", advanced=True, metavar="NAME"
    ),
    option(
        "--color",
        "YUV to RGB: fast equals the ffmpeg program, accurate has no bias.",
        "Footage",
        advanced=True,
        type=click.Choice(["fast", "accurate"]),
    ),
    option(
        "--segment-s",
        "Work on longer inputs in stretches of this length, seconds.",
        "Footage",
        advanced=True,
        used_by="footage",
        type=float,
        metavar="S",
    ),
)
