"""A pool of Ray actors, on this machine or on a running cluster."""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.pipeline.run import Setup
from vidrobust.pipeline.workers.pool import opened_worker, raised
from vidrobust.pipeline.workers.worker import Event, Finished, Lost, Order, Ready

_END = object()


class RayPool:
    """Actors that send events as streams.

    ``size`` None: one per processor of the cluster. ``address`` is that of ``ray.init``; "" starts a cluster
    here that ends with the run.
    """

    def __init__(self, setup: Setup, size: int | None, address: str) -> None:
        self._ray = _ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its maker
        # a busy machine takes its time
        os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
        summary: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if not address:
            summary |= {"num_cpus": size or os.cpu_count(), "include_dashboard": False}
        try:
            with contextlib.nullcontext() if address else no_dashboard():
                self._ray.init(address=address or "local", **summary)
        except Exception as error:
            raise SettingsError(f"cluster: ray:{address} cannot be reached ({error})") from error
        processors = int(self._ray.cluster_resources().get("CPU", 1))
        self.size = size or max(1, processors // setup.threads)
        self._setup = self._ray.put(setup)
        self._actor = self._ray.remote(num_cpus=setup.threads, max_restarts=0)(Actor)
        self._streams: dict[Any, Any] = {}

    def start(self) -> Any:
        slot = self._actor.remote()
        here = (os.getcwd(), [path or os.getcwd() for path in sys.path])
        self._streams[slot] = slot.open.options(num_returns="streaming").remote(self._setup, *here)
        return slot

    def give(self, slot: Any, order: Order) -> None:
        self._streams[slot] = slot.do.options(num_returns="streaming").remote(order)

    def wait(self) -> list[tuple[Any, Event]]:
        streams = {stream: slot for slot, stream in self._streams.items()}
        ready, _ = self._ray.wait(list(streams), num_returns=1)
        return [
            (streams[stream], event)
            for stream in ready
            if (event := self._next(streams[stream], stream))
        ]

    def _next(self, slot: Any, stream: Any) -> Event | None:
        try:
            event: Event = self._ray.get(next(stream))
            return event
        except StopIteration:
            self._streams.pop(slot, None)
            return None
        except self._ray.exceptions.RayError as error:
            self._streams.pop(slot, None)
            with contextlib.suppress(Exception):
                self._ray.kill(slot)
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return Lost(lines[0][:200] if lines else type(error).__name__)

    def close(self) -> None:
        for slot in list(self._streams):
            with contextlib.suppress(Exception):
                self._ray.kill(slot)
        self._ray.shutdown()


class Actor:
    def open(self, setup: Setup, folder: str, modules: list[str]) -> Iterator[Event]:
        """Open the models, with the caller's working folder and import path."""
        if os.path.isdir(folder):
            os.chdir(folder)
        sys.path += [path for path in modules if path not in sys.path]

        def opened() -> None:
            self._worker = opened_worker(setup, lambda event: self._send(event))

        yield from self._events(opened, Ready())

    def do(self, order: Order) -> Iterator[Event]:
        yield from self._events(lambda: self._worker.do(order), Finished())

    def _events(self, work: Callable[[], None], last: Event) -> Iterator[Event]:
        events: queue.Queue[Any] = queue.Queue()
        self._send: Callable[[Any], None] = events.put

        def run() -> None:
            try:
                work()
                events.put(last)
            except Exception as error:
                events.put(raised(error))
            events.put(_END)

        threading.Thread(target=run, daemon=True).start()
        while (event := events.get()) is not _END:
            yield event


@contextlib.contextmanager
def no_dashboard() -> Iterator[None]:
    """Keep Ray from starting its dashboard, which asks for the cloud's metadata even with usage reports off."""
    services: Any = importlib.import_module("ray._private.services")  # there is no public way
    start = services.start_api_server
    services.start_api_server = lambda *_, **__: (None, None)  # as Ray has it where the start fails
    try:
        yield
    finally:
        services.start_api_server = start


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise SettingsError(f"cluster: Ray is not installed: {pip_install('ray')}") from error
    return ray
