"""Packages beside the package, and commands in a process of their own, several in one.

To import the package costs more than most commands.

No network: no name is looked up and no host connected, by whatever is imported and run. Pages lack their figures.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = """
import contextlib, io, json, socket

asked, ended, connect = [], [], socket.socket.connect


def refuse(*where, **more):
    asked.append(str(where))
    raise OSError("the network is denied")


socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
socket.socket.connect = lambda self, where: (
    connect(self, where) if self.family == socket.AF_UNIX else refuse(where)
)
for arguments in json.load(sys.stdin):
    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            from vidrobust.cli.app import main  # here: it may warn, and the first command has that
            from tests.undrawn import undrawn

            with undrawn():
                main(arguments)
        except SystemExit as stop:
            code = stop.code or 0
    ended.append((code, out.getvalue(), err.getvalue()))
print(json.dumps([asked, ended]))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def install(folder, name, entry_points, version="1"):
    """Write what pip writes beside a package: its name, its version and the text of its entry points."""
    info = folder / f"{name}.dist-info"
    info.mkdir(exist_ok=True, parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)


def ended(folder, *commands, before=""):
    """Run commands in a folder whose modules and packages are found; ``before`` is code that runs first."""
    # models of the tests are named by ``tests.fuzz.tiny:model``
    here = str(Path(__file__).parents[1])
    path = os.pathsep.join([str(folder), here, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{before}\n{PROGRAM}"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        input=json.dumps(commands),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    asked, commands_ended = json.loads(done.stdout.splitlines()[-1])
    assert asked == [], asked
    return [Ended(*each) for each in commands_ended]
