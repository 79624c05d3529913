"""Ctrl-C that counts once, even if a library swallows it or processes are being started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType


class _Received:
    came = False
    again = False
    waits = False


@contextmanager
def graceful_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt at Ctrl-C as usual, and remember it for ``remind``.

    Python swallows exceptions in destructors, callbacks from C and imports. Does nothing outside the main
    thread, or if another handler is set.
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
    """Raise KeyboardInterrupt if Ctrl-C was pressed and had no effect."""
    if _Received.came and not _Received.waits:
        raise KeyboardInterrupt


@contextmanager
def later() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block."""
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
    """Delay Ctrl-C, and start processes that never receive it."""
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
