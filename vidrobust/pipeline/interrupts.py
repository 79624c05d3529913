"""Ctrl-C counts once: also where a library swallows the exception, and while processes are started or ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class _Received:
    """Whether Ctrl-C has been pressed, and whether it has to wait."""

    came = False
    again = False
    waits = False


@contextmanager
def graceful_interrupts() -> Iterator[None]:
    """Within it Ctrl-C raises KeyboardInterrupt, as ever, and is remembered for ``remind``.

    An exception that comes in the midst of a destructor, of a callback from C or of an import is printed or caught
    there, and the program goes on as if nothing had been pressed. Changes nothing outside the main thread, or
    where somebody else handles the signal.
    """
    if not (_in_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler):
        yield
        return
    _Received.came = False
    signal.signal(signal.SIGINT, _on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _Received.came = False


def remind() -> None:
    """Raises KeyboardInterrupt where Ctrl-C was pressed and all goes on the same; asked at each step."""
    if _Received.came and not _Received.waits:
        raise KeyboardInterrupt


@contextmanager
def later() -> Iterator[None]:
    """Within it Ctrl-C has to wait; KeyboardInterrupt is raised at the end where it was pressed in between."""
    if not _in_main_thread() or _Received.waits:
        yield
        return
    _Received.waits, _Received.again = True, False
    try:
        yield
    finally:
        _Received.waits = False
    if _Received.again:
        raise KeyboardInterrupt


@contextmanager
def unheard() -> Iterator[None]:
    """The same, and processes that are started within it never hear Ctrl-C, from their first moment on.

    A terminal sends it to all of them; those that work for another one are ended by that one.
    """
    if not (_in_main_thread() and hasattr(signal, "pthread_sigmask")):
        yield
        return
    resource_tracker.ensure_running()  # who starts it takes the block away
    with later():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    _Received.came = _Received.again = True
    remind()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
