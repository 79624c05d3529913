"""What groups add to the answer, the console and the report."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from vidrobust.plugins.groups.compare import Comparison, comparisons
from vidrobust.report.pages import fragment
from vidrobust.report.section import Keep
from vidrobust.run_folder.reader import RunTables
from vidrobust.statement import Level, Statement
from vidrobust.text.numbers import p_value, percent_with_interval
from vidrobust.text.phrases import plural

QUESTION = "where it differs"


def statements(run: RunTables) -> Iterator[Statement]:
    """Say which columns of the manifest group clips of different rates; nothing of the others."""
    every = comparisons(run)
    asked = len(every)
    for found in every:
        if not found.differs:
            continue
        first, last = found.groups[0], found.groups[-1]
        texts = [
            f"{g.name}: {percent_with_interval(g.value, g.low, g.high)}" for g in (first, last)
        ]
        more = len(found.groups) - 2
        between = f" (and {plural(more, 'group')} between)" if more else ""
        why = f"; {found.cause} explains most of the difference" if found.cause else ""
        yield Statement(
            question=QUESTION,
            text=f"By {found.column.replace('_', ' ')}, {texts[0]}; {texts[1]}{between}{why} "
            f"(p {p_value(found.p_corrected)}, {plural(asked, 'column')} asked).",
            level=Level.MEASURED,
            kind="groups_differ",
            model=found.model,
            value=first.value,
            low=first.low,
            high=first.high,
            n=first.n,
        )


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where no column of the manifest groups the clips."""
    every = comparisons(run)
    if not every:
        return ""
    return fragment("groups.html", {"tables": [_table(each) for each in every]}, __package__)


def _table(found: Comparison) -> dict[str, object]:
    return {
        "title": f"{found.model}, by {found.column.replace('_', ' ')}",
        "said": f"p {p_value(found.p)}, {p_value(found.p_corrected)} corrected for all columns",
        "left_out": found.left_out,
        "rows": [
            [
                group.name,
                percent_with_interval(group.value, group.low, group.high),
                str(group.units),
                str(group.n),
                _leading(group.causes),
                group.worst,
            ]
            for group in found.groups
        ],
    }


def _leading(causes: dict[str, float]) -> str:
    """The cause with the largest part of the rate."""
    name = max(causes, key=lambda cause: causes[cause], default="")
    return name.replace("_", " ") if name and causes[name] > 0 else ""
