"""What the benchmarks share: how they are asked, what they say, and their result as JSON.

    harness.run(main)    main asks ``parser(__doc__)`` for its arguments, and speaks by ``say`` and ``table``

Every script takes ``--json FILE``: the same result for a program.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("vidrobust", "numpy", "scipy", "torch")
# Scripts train networks on the simulated line: ``datasets`` lies beside their folder and is not installed.
sys.path.append(str(Path(__file__).parents[1]))


@dataclass
class Table:
    """A table of the result; rows are printed as they come, and kept as the values they are."""

    columns: tuple[str, ...]
    digits: int = 3
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def row(self, *values: Any) -> None:
        """Add a row, one value a column."""
        if len(values) != len(self.columns):
            raise ValueError(
                f"expected {len(self.columns)} values, one a column, got {len(values)}"
            )
        self.rows.append(values)
        say("| " + " | ".join(self._shown(value) for value in values) + " |")

    def _shown(self, value: Any) -> str:
        return f"{value:.{self.digits}f}" if isinstance(value, float) else str(value)


@dataclass
class Result:
    """What a script was asked and has said so far."""

    arguments: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    lines: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    json: Path | None = None


RESULT = Result()
"""Of the script that runs."""


class Parser(argparse.ArgumentParser):
    """Arguments of a script; what it is asked is part of its result."""

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:  # type: ignore[override]
        found = super().parse_args(args, namespace)
        RESULT.json = found.json
        RESULT.arguments = {k: v for k, v in vars(found).items() if k != "json"}
        return found


def parser(doc: str) -> Parser:
    """The parser of a script with this docstring, whose first line says what the script answers."""
    made = Parser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--json", type=Path, metavar="FILE", help="write the result there, for a program"
    )
    RESULT.question = doc.strip().partition("\n")[0]
    return made


def say(*values: Any) -> None:
    """Print a line, and keep it for the result."""
    line = " ".join(map(str, values))
    RESULT.lines += line.split("\n")
    print(line, flush=True)


def table(*columns: str, digits: int = 3) -> Table:
    """Begin a table of these columns; ``digits`` of its fractions are printed."""
    made = Table(columns, digits)
    RESULT.tables.append(made)
    say("| " + " | ".join(columns) + " |")
    say("|" + "---|" * len(columns))
    return made


def run(main: Callable[[], Any]) -> None:
    """Run a script and write its result where the arguments say."""
    started = time.perf_counter()
    code = main()
    if RESULT.json is not None:
        RESULT.json.write_text(
            json.dumps(content(time.perf_counter() - started), indent=2, default=str) + "\n"
        )
    if code:
        sys.exit(code)


def study(source: Path, spec: str, out: Path, *more: str) -> None:
    """Run ``vidrobust study`` in a process of its own."""
    asked = ("study", str(source), "-m", spec, *more, "-q", "--overwrite", "-o", str(out))
    subprocess.run([sys.executable, "-m", "vidrobust", *asked], check=True)


@dataclass(frozen=True)
class Took:
    """What a process took: wall and processor seconds, peak memory, MB; and what it printed."""

    wall_s: float
    processor_s: float
    peak_mb: float
    printed: str
    said: str  # on standard error


def timed(command: Sequence[str], **environment: str) -> Took:
    """Run a program and its children to their end; what it says is shown where it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdout=printed, stderr=said, env={**os.environ, **environment}
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        texts = []
        for file in (printed, said):
            file.seek(0)
            texts.append(file.read().decode())
        if status:
            raise SystemExit(f"{' '.join(command)}: {texts[1][-3000:]}")
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, *texts)


def commit(asked: str | None) -> str:
    """The hash that draws worlds: the given one, or that of HEAD."""
    head = ["git", "rev-parse", "HEAD"]
    here = Path(__file__).parent
    return asked or subprocess.check_output(head, text=True, cwd=here).strip()


def counted(hits: int, of: int) -> str:
    """A count with its share and the share's 95 % interval (Clopper-Pearson): "12 of 30 (40% [23%, 59%])"."""
    from vidrobust.statistics.intervals import clopper_pearson

    low, high = clopper_pearson(hits, of)
    return f"{hits} of {of} ({hits / of:.1%} [{low:.1%}, {high:.1%}])"


def kept_lines(path: Path) -> list[dict[str, Any]]:
    """What an earlier call of a script left in a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def keep_line(path: Path, row: dict[str, Any]) -> None:
    """Add a line, so that the same command goes on from here."""
    with path.open("a", encoding="utf-8") as file:
        # numbers of NumPy as plain ones
        file.write(json.dumps(row, default=lambda number: number.item()) + "\n")


def content(seconds: float) -> dict[str, Any]:
    """The result as plain values."""
    return {
        "benchmark": Path(sys.argv[0]).stem,
        "question": RESULT.question,
        "arguments": RESULT.arguments,
        "versions": {
            "python": platform.python_version(),
            **{p: metadata.version(p) for p in PACKAGES},
        },
        "seconds": round(seconds, 1),
        "tables": [{"columns": t.columns, "rows": t.rows} for t in RESULT.tables],
        "lines": RESULT.lines,
    }
