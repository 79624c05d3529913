"""Options of the studies of measurement systems analysis: tables, design, classes, what is made of the result."""

from __future__ import annotations

import click

from vidrobust.cli.options import options

# The studies of tables; the file of each is the option of the same name.
KINDS = ("gauge", "attribute", "type1", "linearity", "stability")


TABLES = options(
    click.option(
        "--gauge", "gauge_file", metavar="CSV", help="A variables study: part, operator, trial, value."
    ),
    click.option(
        "--attribute",
        "attribute_file",
        metavar="CSV",
        help="An attribute study: the same, value a class [, reference, measured]. With TARGET: what people said "
        "of its parts.",
    ),
    click.option(
        "--type1",
        "type1_file",
        metavar="CSV",
        help="One reference part n times: Cg, Cgk, bias. Needs --reference.",
    ),
    click.option(
        "--linearity", "linearity_file", metavar="CSV", help="Bias over the range: part, value, reference."
    ),
    click.option(
        "--stability", "stability_file", metavar="CSV", help="A reference part over time: time, value."
    ),
    click.option(
        "--columns",
        metavar="ROLE=NAME,...",
        help="Columns of the table whose names do not say what they are.",
    ),
    click.option(
        "--case",
        type=click.Choice(["ask", "same", "distinct"]),
        default="ask",
        show_default=True,
        help="Names that differ by letter case, blanks, leading zeros or a trailing .0 alone.",
    ),
    click.option(
        "--reference",
        type=float,
        metavar="X",
        help="True value of the part of --type1 or --stability, in the unit of the values.  [default: none]",
    ),
)
VARIABLES = options(
    click.option(
        "--design",
        type=click.Choice(["auto", "crossed", "nested"]),
        default="auto",
        show_default=True,
        help="nested: each operator had parts of its own, whatever their names.",
    ),
    click.option(
        "--factor",
        "factors",
        multiple=True,
        metavar="COLUMN",
        help="A further factor: station, day, ...  [default: none]",
    ),
    click.option(
        "--tolerance",
        type=float,
        metavar="W",
        help="Width of the tolerance, in the unit of the values, for %tolerance.  [default: none]",
    ),
    click.option(
        "--tolerance-low",
        type=float,
        metavar="X",
        help="Lower limit of the tolerance, in the unit of the values.  [default: none]",
    ),
    click.option(
        "--tolerance-high",
        type=float,
        metavar="X",
        help="Upper limit of the tolerance, in the unit of the values.  [default: none]",
    ),
    click.option(
        "--process-sd",
        type=float,
        metavar="SD",
        help="Standard deviation of the process, in the unit of the values, for %process.  [default: none]",
    ),
    click.option(
        "--width",
        type=click.Choice(["6", "5.15", "4"]),
        default="6",
        show_default=True,
        help="Standard deviations that are the spread of the gauge.",
    ),
    click.option(
        "--resolution",
        type=float,
        metavar="X",
        help="Step of the display, in the unit of the values: with it Q_MS and Q_MP.  [default: none]",
    ),
    click.option(
        "--calibration",
        type=float,
        metavar="U",
        help="Expanded uncertainty (k = 2) of the reference part, in the unit of the values.  [default: none]",
    ),
    click.option(
        "--guard",
        type=float,
        metavar="K",
        help="A guard band, a factor of the repeatability: what it costs and saves.  [default: none]",
    ),
    click.option(
        "--pool-above",
        type=float,
        default=0.25,
        show_default=True,
        metavar="P",
        help="Pool the interaction above this p-value.",
    ),
)
CLASSES = options(
    click.option("--defect", metavar="CLASS[,CLASS]", help="The classes that are defects."),
    click.option("--pass-fail", is_flag=True, help="Only defect or not counts, not which class."),
    click.option(
        "--ordered", metavar="CLASS,CLASS,...", help="The classes from lowest to highest, for Kendall's W."
    ),
    click.option(
        "--rule",
        default="majority",
        show_default=True,
        metavar="NAME",
        help="How frames become a verdict: majority, any-defect, mean, last, worst.",
    ),
)
BOXES = options(
    click.option(
        "--measure",
        metavar="NAME",
        help="Of a detector's boxes a gauge study of: width, height, size, x, y.  [default: the score]",
    ),
    click.option(
        "--mm-per-px", type=float, default=1.0, show_default=True, metavar="F", help="Millimetres a pixel."
    ),
)
RESULT = options(
    click.option(
        "--profile",
        metavar="NAME|FILE",
        help="Rules of acceptance, in TOML.  [default: aiag; of --type1 vda5]",
    ),
    click.option(
        "--certificate",
        metavar="TOML",
        help="A page to sign; the file says part, characteristic, gauge, place, by whom.",
    ),
    click.option("--pdf", is_flag=True, help="The certificate as PDF too, printed by Chromium."),
    click.option(
        "--paper",
        type=click.Choice(["A4", "Letter"]),
        default="A4",
        show_default=True,
        help="Of the certificate.",
    ),
    click.option(
        "--export",
        metavar="FILE",
        help="The table as .csv, a row a value; or the figures as .json, flat keys.",
    ),
)
