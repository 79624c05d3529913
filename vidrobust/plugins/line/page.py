"""Write the table of dials in docs/line_sim.md: ``python -m vidrobust.plugins.line.page``."""

from __future__ import annotations

from pathlib import Path

from vidrobust.files.atomic import write_text
from vidrobust.plugins.line.dials import DIALS

START, END = "<!-- dials -->", "<!-- /dials -->"
_HEAD = (
    "| dial | unit | what a setting of s means in the clip | reported as | mild, mid, strong | range |",
    "|---|---|---|---|---|---|",
)


def dial_table() -> str:
    """Markdown, a row a dial."""
    rows = [
        f"| {d.name} | {d.unit} | {d.statistic} | {d.reported} | {', '.join(f'{s:g}' for s in d.sizes)} "
        f"| {d.low:g} to {d.high:g} |"
        for d in DIALS
    ]
    return "\n".join((*_HEAD, *rows))


def with_table(page: str) -> str:
    """The page with the present table between its marks."""
    before, rest = page.split(START, 1)
    return f"{before}{START}\n{dial_table()}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    path = Path("docs/line_sim.md")
    write_text(path, with_table(path.read_text(encoding="utf-8")))
