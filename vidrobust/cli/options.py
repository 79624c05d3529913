"""Options that are settings, in groups, each shown by the commands whose stages use it.

A setting's option is a record in ``OPTIONS``; its name is the setting's, and its default stands in the settings.
``footage_options`` and ``stage_options`` pick the records that a command uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import click

from vidrobust.pipeline.stage import FootageStage, Stage
from vidrobust.run_folder.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
Group = Literal["Options", "Footage", "Model", "Sampling", "Output", "Advanced"]
GROUPS: tuple[Group, ...] = ("Options", "Footage", "Model", "Sampling", "Output", "Advanced")
UsedBy = Literal["stage", "footage", "model", "stability"]
"""What makes a command use an option: a stage that depends on the setting, any stage that works on footage, any
that asks a model, or the stage stability."""


class GroupedOption(click.Option):
    """An option of a group; what is advanced is shown by --help-all alone."""

    def __init__(self, *args: Any, group: Group = "Advanced", advanced: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self.group, self.advanced = group, advanced


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups, the usual ones first and alone."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(_help_all())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = bool(ctx.meta.get("help_all"))
        rows: dict[str, list[tuple[str, str]]] = {}
        hidden = 0
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None or not isinstance(parameter, click.Option):
                continue
            if getattr(parameter, "advanced", False) and not everything:
                hidden += 1
                continue
            rows.setdefault(getattr(parameter, "group", "Options"), []).append(record)
        for group in GROUPS:
            if group in rows:
                with formatter.section(group):
                    formatter.write_dl(rows[group])
        if hidden:
            formatter.write_paragraph()
            formatter.write_text(f"{hidden} more options for special cases: --help-all.")


def _help_all() -> click.Option:
    def show(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            context.meta["help_all"] = True
            click.echo(context.get_help())
            context.exit()

    return GroupedOption(
        ["--help-all"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        group="Output",
        help="Show every option, and exit.",
    )


@dataclass(frozen=True, kw_only=True)
class SettingOption:
    """An option that is a setting.

    flag      as it is typed; ``--a/--no-a`` for a choice of two
    text      its help, with the unit; the default is added to it
    group     under which it is shown; ``advanced`` ones by --help-all alone
    used_by   what makes a command use it
    more      further arguments of ``click.option``
    """

    flag: str
    text: str
    group: Group
    advanced: bool = False
    used_by: UsedBy = "stage"
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        return self.flag.split("/")[0][2:].replace("-", "_")

    def decorator(self) -> Callable[[F], F]:
        default = getattr(Settings(), self.setting)
        words = ",".join(map(str, default)) if isinstance(default, tuple) else default
        ending = f"  [default: {words}]" if words is not None and words is not False and words != "" else ""
        return click.option(
            self.flag,
            cls=GroupedOption,
            help=self.text + ending,
            group=self.group,
            advanced=self.advanced,
            **self.more,
        )


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return None if value is None else tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected whole numbers with commas between, got {value!r}") from error


def _option(
    flag: str,
    text: str,
    group: Group,
    *,
    advanced: bool = False,
    used_by: UsedBy = "stage",
    **more: Any,
) -> SettingOption:
    return SettingOption(flag=flag, text=text, group=group, advanced=advanced, used_by=used_by, more=more)


OPTIONS: tuple[SettingOption, ...] = (
    _option(
        "--labels",
        "Annotations, in any format that vidrobust labels reads.",
        "Footage",
        used_by="model",
        metavar="FILE",
    ),
    _option(
        "--start-s",
        "Start at this time, seconds.  [default: the beginning]",
        "Footage",
        type=float,
        metavar="S",
    ),
    _option("--end-s", "End at this time, seconds.  [default: the end]", "Footage", type=float, metavar="S"),
    _option(
        "--fps", "Use about F frames per second.  [default: all frames]", "Footage", type=float, metavar="F"
    ),
    _option("--every", "Use every K-th frame.", "Footage", advanced=True, type=int, metavar="K"),
    _option(
        "--roi",
        "Cut all pictures to this region, px.",
        "Footage",
        advanced=True,
        metavar="X,Y,W,H",
        callback=_numbers,
    ),
    _option(
        "--crop",
        "Judge each labelled object, cut out of its frames.",
        "Footage",
        advanced=True,
        used_by="footage",
        type=click.Choice(["boxes"]),
    ),
    _option(
        "--crop-margin",
        "Context about a box, as a share of its longer side.",
        "Footage",
        advanced=True,
        type=float,
        metavar="SHARE",
    ),
    _option("--crop-size", "Side of a cut-out, px.", "Footage", advanced=True, type=int, metavar="PX"),
    _option(
        "--motion-limit",
        "Largest shift that still is the same view, as a share of the width.",
        "Footage",
        advanced=True,
        type=float,
        metavar="SHARE",
    ),
    _option(
        "--backend", "Decoder: auto, pyav, torchcodec or decord.", "Footage", advanced=True, metavar="NAME"
    ),
    _option(
        "--color",
        "YUV to RGB: fast equals the ffmpeg program, accurate has no bias.",
        "Footage",
        advanced=True,
        type=click.Choice(["fast", "accurate"]),
    ),
    _option(
        "--segment-s",
        "Work on longer inputs in stretches of this length, seconds.",
        "Footage",
        advanced=True,
        used_by="footage",
        type=float,
        metavar="S",
    ),
    _option("--device", "auto, cpu, cuda or cuda:N.", "Model", used_by="footage", metavar="DEVICE"),
    _option(
        "--strict-device",
        "Never fall back to another device.",
        "Model",
        advanced=True,
        used_by="footage",
        is_flag=True,
        default=None,
    ),
    _option(
        "--batch",
        "Frames per forward pass; auto halves when memory runs out.",
        "Model",
        advanced=True,
        used_by="model",
        metavar="N",
    ),
    _option(
        "--engine",
        "auto (the fastest that agrees), torch, onnxruntime or openvino.",
        "Model",
        advanced=True,
        used_by="model",
        metavar="NAME",
    ),
    _option(
        "--precision",
        "float32, bfloat16 or int8; the last two may change labels.",
        "Model",
        advanced=True,
        used_by="model",
        metavar="NAME",
    ),
    _option(
        "--deterministic",
        "Use deterministic algorithms alone; slower.",
        "Model",
        advanced=True,
        used_by="footage",
        is_flag=True,
        default=None,
    ),
    _option(
        "--class-map",
        "JSON: classes of the model as those of the labels; none: no map.",
        "Model",
        advanced=True,
        used_by="model",
        metavar="FILE",
    ),
    _option(
        "--track-start-score",
        "Least score of a box that starts a track, 0 to 1.",
        "Model",
        advanced=True,
        type=float,
        metavar="SCORE",
    ),
    _option(
        "--track-keep-score",
        "Least score of a box that continues a track, 0 to 1.",
        "Model",
        advanced=True,
        type=float,
        metavar="SCORE",
    ),
    _option(
        "--track-iou",
        "Least overlap of a box with its track, IoU.",
        "Model",
        advanced=True,
        type=float,
        metavar="IOU",
    ),
    _option(
        "--max-gap",
        "Longest gap of a moving object: a time such as 0.2s, or a number of frames.",
        "Model",
        advanced=True,
        metavar="TIME",
    ),
    _option(
        "--min-boxes",
        "Objects of fewer boxes count for nothing.",
        "Model",
        advanced=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--only",
        "Look only at a detector's boxes of this class.",
        "Model",
        advanced=True,
        multiple=True,
        metavar="CLASS",
    ),
    _option(
        "--class-score",
        "Least score of a box of this class that starts a track.",
        "Model",
        advanced=True,
        multiple=True,
        metavar="CLASS=SCORE",
    ),
    _option(
        "--occluder",
        "What stands before the objects, such as a pillar, px.",
        "Model",
        advanced=True,
        multiple=True,
        metavar="X,Y,W,H",
    ),
    _option(
        "--ignore",
        "A zone, px, in which boxes are not looked at: those whose middle lies in it.",
        "Model",
        advanced=True,
        multiple=True,
        metavar="X,Y,W,H",
    ),
    _option(
        "--budget",
        "Take as many frames and pairs as fit into this time: 90s, 5m, 1h.",
        "Sampling",
        metavar="TIME",
    ),
    _option(
        "--frames",
        "Frames of the run whose sensitivity is measured.  [default: by the number of inputs]",
        "Sampling",
        type=int,
        metavar="N",
    ),
    _option(
        "--pairs",
        "Pairs of frames of the run that are explained.  [default: by the number of inputs]",
        "Sampling",
        type=int,
        metavar="N",
    ),
    _option("--seed", "Seed of everything random.", "Sampling", used_by="footage", type=int, metavar="N"),
    _option("--suite", "Suites of perturbations.", "Sampling", advanced=True, multiple=True, metavar="NAME"),
    _option(
        "--perturbation",
        "Only these perturbations of the suites.",
        "Sampling",
        advanced=True,
        multiple=True,
        metavar="KEY",
    ),
    _option(
        "--strengths",
        "Strengths of each perturbation that a frame is shown; 0: all.",
        "Sampling",
        advanced=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--draws",
        "Random draws per frame and perturbation.",
        "Sampling",
        advanced=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--anchor-deltas",
        "Distances of anchor pairs, frames.",
        "Sampling",
        advanced=True,
        multiple=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--revert-within",
        "Frames within which a label must be back to count as reverted.",
        "Sampling",
        advanced=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--across",
        "Correlate across frames, clips, models.",
        "Sampling",
        advanced=True,
        multiple=True,
        metavar="WHAT",
    ),
    _option(
        "--resamples",
        "Resamples of intervals and permutations.",
        "Sampling",
        advanced=True,
        type=int,
        metavar="N",
    ),
    _option(
        "--widen",
        "Widen the policy's ranges by this factor, 1 or more.",
        "Sampling",
        advanced=True,
        type=float,
        metavar="X",
    ),
    _option(
        "--max-delay",
        "Latest that a recommended rule may report a change: 200ms, 1s.",
        "Sampling",
        advanced=True,
        metavar="TIME",
    ),
    _option(
        "--trained-with",
        "Augmentations used in training: names, or a library's settings.",
        "Sampling",
        advanced=True,
        multiple=True,
        metavar="WHAT",
    ),
    _option(
        "--workers",
        "Processes that share the work.  [default: 1]",
        "Output",
        used_by="footage",
        type=int,
        metavar="N",
    ),
    _option(
        "--cluster",
        "Work on Ray: ray, or ray:ADDRESS.",
        "Output",
        advanced=True,
        used_by="footage",
        metavar="ray[:ADDRESS]",
    ),
    _option(
        "--cache",
        "Where finished units of work are kept: a folder, or a URL such as s3://...",
        "Output",
        advanced=True,
        used_by="footage",
        metavar="PLACE",
    ),
    _option(
        "--pictures/--no-pictures",
        "Show footage in the report, or none.",
        "Output",
        advanced=True,
        default=None,
    ),
    _option(
        "--fail-if",
        'End with exit code 1 where this holds: "flip_rate.high > 0.02".',
        "Output",
        used_by="stability",
        multiple=True,
        metavar="RULE",
    ),
    _option(
        "--junit",
        "Write the outcome of --fail-if as JUnit XML.",
        "Output",
        advanced=True,
        used_by="stability",
        metavar="FILE",
    ),
    _option(
        "--history",
        "Add the run to this history (Parquet), for control charts.",
        "Output",
        advanced=True,
        used_by="stability",
        metavar="FILE",
    ),
)
OF_SETTING = {option.setting: option for option in OPTIONS}

MODEL = click.option(
    "--model",
    "-m",
    cls=GroupedOption,
    group="Model",
    multiple=True,
    metavar="SPEC",
    help="A model: efficientnet-lite0, torchvision:NAME, timm:NAME, onnx:FILE, package.module:factory, ... "
    "(vidrobust models lists all). May be repeated.",
)
OUT = click.option(
    "--out",
    "-o",
    cls=GroupedOption,
    group="Output",
    metavar="DIR",
    help="The run folder.  [default: reports/NAME of the first source]",
)
CONFIG = click.option(
    "--config",
    cls=GroupedOption,
    group="Output",
    metavar="FILE",
    help="Settings in TOML, named as these options.",
)
FOR = click.option(
    "--for",
    "lasting",
    cls=GroupedOption,
    group="Footage",
    advanced=True,
    metavar="TIME",
    help="Record a stream (rtsp://..., - for a pipe) for this long: 60s, 10m, 1h.",
)
OVERWRITE = click.option(
    "--overwrite",
    cls=GroupedOption,
    group="Output",
    is_flag=True,
    help="Replace a run folder that belongs to other sources or another version.",
)
DRY_RUN = click.option(
    "--dry-run",
    cls=GroupedOption,
    group="Output",
    is_flag=True,
    help="Only say what would be done and about how long it takes.",
)
JSON = click.option(
    "--json", "as_json", cls=GroupedOption, group="Output", is_flag=True, help="Print the result as JSON."
)
QUIET = click.option(
    "--quiet", "-q", cls=GroupedOption, group="Output", is_flag=True, help="Only warnings and errors."
)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in this order."""

    def decorate(function: F) -> F:
        for option in reversed(decorators):
            function = option(function)
        return function

    return decorate


def setting(*names: str) -> Callable[[F], F]:
    """The options of these settings."""
    return options(*(OF_SETTING[name].decorator() for name in names))


def setting_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """The models, and the settings that these stages use.

    gated  whether the command ends with the gates: those of the stage stability then count
    """
    stages = tuple(stages)
    footage = [stage for stage in stages if isinstance(stage, FootageStage)]
    used = {name for stage in stages for name in stage.all_settings}
    holds = {
        "footage": bool(footage),
        "model": any(stage.per == "model" for stage in footage),
        "stability": gated,
    }
    chosen = [o for o in OPTIONS if (o.setting in used if o.used_by == "stage" else holds[o.used_by])]
    with_model = (MODEL,) if holds["model"] else ()
    return options(*with_model, *(option.decorator() for option in chosen))


def stage_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """The same, and where the run is and how it speaks."""
    return options(setting_options(stages, gated=gated), FOR, OUT, CONFIG, OVERWRITE, JSON, QUIET)
