"""The program ``vidrobust``: its command in a process of its own, and one that watches how it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

from vidrobust.cli.app import main as command

PASSED_ON = {signal.SIGINT, signal.SIGTERM}
PR_SET_PDEATHSIG = 1  # linux/prctl.h
STOPPED = 130


def main() -> None:
    """Run a command; where its process ended before it was through, say so with exit code 3.

    Code of a model or plugin can end a process with any code and no word (``os._exit``), and 0 and 1 are what a gate
    says. Only Linux tells a signal of the terminal, which both processes get, from one that was sent to the watcher.
    """
    if not sys.platform.startswith("linux"):
        command()
        return
    reader, writer = os.pipe()
    watcher, waited = os.getpid(), {*PASSED_ON, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    process = os.fork()  # no threads yet
    if process:
        os.close(writer)
        _end_like(_watch(process, waited), reader)
    os.close(reader)
    _die_with(watcher)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        command()
    finally:
        os.write(writer, b".")


def _die_with(watcher: int) -> None:
    """Let the process be killed when the watcher is."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != watcher:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(process: int, waited: set[signal.Signals]) -> int:
    """Pass signals on until the process has ended; return its exit code, or its signal below 0."""
    while True:
        came = signal.sigwaitinfo(waited)
        if came.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
        elif came.si_code <= 0:  # of a process; those of the terminal are above
            os.kill(process, came.si_signo)


def _end_like(code: int, reader: int) -> None:
    os.set_blocking(reader, False)  # a process that the command left behind may hold the other end
    try:
        through = bool(os.read(reader, 1))
    except BlockingIOError:
        through = False
    if code < 0:
        with contextlib.suppress(OSError):  # of SIGKILL nothing can be set
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    if not through and code != STOPPED:
        text = f"a model or plugin called os._exit({code}) in the middle of the work"
        print(f"error: {text}", file=sys.stderr, flush=True)
        code = 3
    os._exit(code)
