"""The reference page of the simulated line's dials; the documentation build writes it."""

from __future__ import annotations

from vidrobust.plugins.line.dials import DIALS

_HEAD = (
    "| dial | unit | what a setting of s means in the clip | reported as | mild, mid, strong | range |",
    "|---|---|---|---|---|---|",
)


def dial_table() -> str:
    rows = [
        f"| {d.name} | {d.unit} | {d.statistic} | {d.reported} | {', '.join(f'{s:g}' for s in d.sizes)} "
        f"| {d.low:g} to {d.high:g} |"
        for d in DIALS
    ]
    return "\n".join((*_HEAD, *rows))


def page() -> str:
    return f"# Dials of the simulated line\n\n{dial_table()}\n"
