"""What does the work, and what is written."""

from __future__ import annotations

from vidrobust.cli.settings.setting_option import SettingOption, option

OUTPUT: tuple[SettingOption, ...] = (
    option(
        "--workers",
        "Processes that share the work.  [default: 1]",
        "Output",
        used_by="footage",
        type=int,
        metavar="N",
    ),
    option(
        "--cluster",
        "Work on Ray: ray, or ray:ADDRESS.  [default: on this machine]",
        "Output",
        advanced=True,
        used_by="footage",
        metavar="ray[:ADDRESS]",
    ),
    option(
        "--cache",
        "Where finished units of work are kept: a folder, or a URL such as s3://...  [default: in the run folder]",
        "Output",
        advanced=True,
        used_by="footage",
        metavar="PLACE",
    ),
    option(
        "--pictures/--no-pictures",
        "Show footage in the report, or none.",
        "Output",
        advanced=True,
        default=None,
    ),
    option(
        "--fail-if",
        'Exit code 1 where this holds: "flip_rate.high > 0.02".',
        "Output",
        used_by="stability",
        multiple=True,
        metavar="RULE",
    ),
    option(
        "--junit",
        "Write the outcome of --fail-if as JUnit XML.",
        "Output",
        advanced=True,
        used_by="stability",
        metavar="FILE",
    ),
    option(
        "--history",
        "Add the run to this history (Parquet), for control charts.",
        "Output",
        advanced=True,
        used_by="stability",
        metavar="FILE",
    ),
)
