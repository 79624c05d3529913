"""Write what the documents show of the demo, from a finished run of it (``make demo-answer``).

    python docs/demo_answer.py reports/demo

Writes ``docs/demo-answer.txt`` (ten lines of what ``vidrobust show`` prints) and ``docs/demo-python.txt`` (Python with
its output), and copies both between the marks of README.md. ``docs/demo_pictures.py`` takes the pictures.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from vidrobust.plugins.line.lamp import MODEL

DOCS = Path(__file__).parent
ANSWER, SESSION = DOCS / "demo-answer.txt", DOCS / "demo-python.txt"
PAGES = (DOCS.parent / "README.md",)
WIDTH = 118
"""Columns of a block that a forge shows without a scroll bar."""
QUESTION = 18
"""Columns in front of the text of an answer's line."""
LEFT_OUT = "  With labels", "  Worst moment", "  Proxies"
"""Lines that README.md has no room for: ten are enough to see what an answer is."""
COMMANDS = ("To use it:", "To try it:", "To find out:")
"""What a line with a command begins with."""
LINES = (
    "import vidrobust",
    'run = vidrobust.study("reports/demo-footage/manifest.csv", "line-classifier", out="reports/demo")',
    'run.verdict["line-classifier"].word',
    'run.account.set_index("cause")["share"].round(2).nlargest(3).to_dict()',
    "len(run.flips)",
)


def answer_of(run: Path) -> str:
    """What ``vidrobust show RUN`` prints but ``LEFT_OUT``, each answer as one paragraph of ``WIDTH`` columns."""
    command = [sys.executable, "-m", "vidrobust", "show", str(run)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    indent = " " * QUESTION
    lines: list[str] = []
    for line in shown.rstrip().splitlines():
        # a command stays on a line of its own, so that it can be copied
        ends = line.strip().startswith(COMMANDS) or (
            lines and lines[-1].strip().startswith(COMMANDS)
        )
        if line.startswith(indent) and not ends:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "".join(f"{_wrapped(line, indent)}\n" for line in lines if not line.startswith(LEFT_OUT))


def _wrapped(line: str, indent: str) -> str:
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def session_of(run: Path) -> str:
    """The lines of Python as typed, each with what it shows."""
    import vidrobust

    known = {"vidrobust": vidrobust, "run": vidrobust.load_run(run)}
    shown: list[str] = []
    for line in LINES:
        shown.append(f">>> {line}")
        if line.startswith(("import ", "run = ")):  # the run is there already
            continue
        shown.append(repr(eval(line, known)))
    return "\n".join(shown) + "\n"


def block(name: str, text: str, language: str = "") -> str:
    """A fenced block between its marks."""
    return f"<!-- {name} -->\n```{language}\n{text}```\n<!-- /{name} -->"


def with_blocks(page: str, answer: str, session: str) -> str:
    """The page with both blocks between their marks, where it has them."""
    for name, made in (
        ("demo_answer", block("demo_answer", answer)),
        ("demo_python", block("demo_python", session, "pycon")),
    ):
        page = re.sub(
            rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, made=made: made, page, flags=re.DOTALL
        )
    return page


def write(run: Path) -> None:
    """Make both files anew and copy them into the pages."""
    if MODEL not in LINES[1]:
        raise SystemExit(f"the demo's model is {MODEL}: change LINES")
    answer, session = answer_of(run), session_of(run)
    ANSWER.write_text(answer, encoding="utf-8")
    SESSION.write_text(session, encoding="utf-8")
    for page in PAGES:
        page.write_text(
            with_blocks(page.read_text(encoding="utf-8"), answer, session), encoding="utf-8"
        )


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/demo"))
