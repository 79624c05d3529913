"""Reference pages of metrics, model specs and label formats; the documentation build writes them from the registries.

python docs/registry_pages.py metrics | models | labels | benchmarks | glossary
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from pathlib import Path

from vidrobust.footage.labels.formats import known as label_formats
from vidrobust.metrics.catalogue import metrics_of, tasks
from vidrobust.models.spec import known as model_kinds
from vidrobust.report.glossary import GLOSSARY


def metrics() -> str:
    """Every metric of every task, with the table that holds its values."""
    blocks = [
        "# Metrics",
        "Values lie in the [run folder](../run-folder.md), one row a frame, pair, object or part; `metrics.json` has "
        "their means and intervals. A metric without a table compares clean with perturbed frames.",
    ]
    for task in tasks().values():
        rows = [
            (
                f"`{metric.name}`",
                metric.sentence,
                metric.unit or "share",
                metric.worse,
                metric.table,
            )
            for metric in metrics_of(task.name)
        ]
        blocks += [f"## {task.name}", _table(("metric", "what", "unit", "worse", "table"), rows)]
    return _page(blocks)


def models() -> str:
    """Every form of a model spec, and the options that may follow it."""
    kinds = model_kinds().kinds.values()
    rows = [
        (f"`{form.spec}`", form.what, f"`{form.example}`", ", ".join(kind.options))
        for kind in kinds
        for form in kind.forms
    ]
    return _page(
        [
            "# Model specs",
            "Options follow as `,key=value` ([meaning](../model-specs.md#options)).",
            _table(("spec", "what", "example", "options"), rows),
        ]
    )


def labels() -> str:
    """Every format that ``--labels`` reads."""
    rows = [(f"`{form.name}`", form.what) for form in label_formats().values()]
    return _page(
        [
            "# Label formats",
            "`vidrobust labels FILE` says which one a file is, and what it holds "
            "([labels](../footage.md#labels)).",
            _table(("format", "reads"), rows),
        ]
    )


def benchmarks() -> str:
    """Every script of ``benchmarks/`` that uses the harness, by the first sentence of its docstring."""
    rows = []
    for path in sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "\nimport harness\n" in text:
            question = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
            rows.append((f"`{path.stem}`", question))
    return _page(
        [
            "# Benchmarks",
            "`python benchmarks/NAME.py --help` names the arguments. Figures that documents quote lie in "
            "`benchmarks/results/`.",
            _table(("script", "what it answers"), rows),
        ]
    )


def glossary() -> str:
    """The words of the report."""
    rows = [(each.word, each.meaning, each.example) for each in GLOSSARY]
    return _page(
        [
            "# Glossary",
            "The terms of the report, each with an example.",
            _table(("word", "meaning", "example"), rows),
        ]
    )


PAGES = {
    "metrics": metrics,
    "models": models,
    "labels": labels,
    "benchmarks": benchmarks,
    "glossary": glossary,
}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _page(blocks: list[str]) -> str:
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    sys.stdout.write(PAGES[sys.argv[1]]())
