"""A pool of local processes, started afresh (spawn) as on Windows and macOS."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import later, unheard
from vidrobust.pipeline.run import Setup
from vidrobust.pipeline.workers.order import Event, Finished, Lost, Order, Ready
from vidrobust.pipeline.workers.pool import opened_worker, raised

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Processes:
    """A number of processes that get orders over a pipe each."""

    def __init__(self, setup: Setup, size: int) -> None:
        self.setup, self.size = setup, size
        self._context = multiprocessing.get_context("spawn")
        self._pipes: dict[Connection, SpawnProcess] = {}

    def start(self) -> Connection:
        with unheard():
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs, self.setup), daemon=True)
            with _as_child(self.setup.threads):
                process.start()
            theirs.close()
            self._pipes[ours] = process
        return ours

    def give(self, slot: Connection, order: Order) -> None:
        with suppress(OSError):  # gone: ``wait`` reports it
            slot.send(order)

    def wait(self) -> list[tuple[Any, Event]]:
        found: list[tuple[Any, Event]] = []
        for ready in wait(list(self._pipes)):
            pipe = cast(Connection, ready)
            try:
                found.append((pipe, pipe.recv()))
            except (EOFError, OSError):
                found.append((pipe, Lost(self._end_of(pipe))))
        return found

    def _end_of(self, pipe: Connection) -> str:
        process = self._pipes.pop(pipe)
        pipe.close()
        process.join(10)
        code = process.exitcode
        if code is not None and code < 0:
            return f"process {process.pid} was ended by {_signal(-code)}"
        return f"process {process.pid} ended with code {code}"

    def close(self) -> None:
        with later():
            for process in self._pipes.values():
                process.kill()
            for pipe, process in self._pipes.items():
                process.join()
                pipe.close()
            self._pipes.clear()


@contextmanager
def _as_child(threads: int) -> Iterator[None]:
    main = sys.modules["__main__"]
    names: tuple[str, ...] = ("__file__", "__spec__")
    kept = {name: vars(main).pop(name) for name in names if name in vars(main)}
    main.__spec__ = None
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        yield
    finally:
        vars(main).update(kept)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def work(pipe: Connection, setup: Setup) -> None:
    tune_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be started without hearing Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        try:
            worker = opened_worker(setup, pipe.send)
            pipe.send(Ready())
            while True:
                worker.do(pipe.recv())
                pipe.send(Finished())
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            pipe.send(raised(error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        sys.stderr.flush()
        os._exit(1)
