"""Orders and the pool, with workers made up for the purpose."""

from collections import deque
from pathlib import Path

import pytest

from vidrobust.errors import SettingsError
from vidrobust.footage.item import Item
from vidrobust.pipeline.inputs import Segment
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.workers.pool import Dispatcher
from vidrobust.pipeline.workers.worker import (
    Began,
    Failed,
    Finished,
    Lost,
    Order,
    Raised,
    Ready,
    Unit,
)
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.stages.catalogue import STAGES


def order(number, *stages):
    """An order for two models where a stage is made for each."""
    item = Item(name=f"clip {number}", path=Path(f"/clips/{number}.mp4"))
    segment = Segment(item, 0, 1, f"content {number}", item)
    units = [
        Unit(
            STAGES.named(stage),
            segment,
            model,
            "classification" if model else "",
            f"{number} {stage} {model}",
        )
        for stage in stages
        for model in (("a", "b") if STAGES.named(stage).per == "model" else ("",))
    ]
    return Order(number, segment, tuple(units))


class MadeUp:
    """Each worker answers an order with what ``answer`` says of it; its number counts from 0."""

    def __init__(self, size, answer, *, ready=True):
        self.size, self.answer, self.ready = size, answer, ready
        self.events = deque()
        self.given = []
        self.started, self.closed = 0, False

    def start(self):
        self.started += 1
        self.events.append((self.started - 1, Ready() if self.ready else Lost("code 1")))
        return self.started - 1

    def give(self, slot, order):
        self.given.append((slot, order))
        self.events += [(slot, event) for event in self.answer(slot, order)]

    def wait(self):
        return [self.events.popleft()]

    def close(self):
        self.closed = True


def dispatched(pool, orders, folder):
    """The failures that were told."""
    failures = []
    Dispatcher(
        pool,
        UnitCache(folder),
        Reporter(quiet=True),
        lambda order, path, error: failures.append((order.number, path, error)),
        lambda order: any(path == str(order.item.path) for _, path, _ in failures),
    ).carry_out(orders)
    assert pool.closed
    return failures


def test_what_is_done_together_and_what_apart():
    whole = order(0, "transitions", "stability", "variation", "sensitivity", "causes")
    names = [[f"{u.stage.name} {u.model}".strip() for u in step] for step in whole.steps()]
    assert names == [
        ["transitions", "stability a", "stability b", "variation"],
        ["sensitivity a", "sensitivity b"],
        ["causes a", "causes b"],
    ]
    apart = whole.rest(whole.units[1:])
    assert [len(step) for step in apart.steps()] == [1] * 7


def test_two_workers_share_the_orders(tmp_path):
    pool = MadeUp(2, lambda slot, order: [Finished()])
    assert dispatched(pool, [order(n, "transitions") for n in range(5)], tmp_path) == []
    assert [order.number for _, order in pool.given] == [0, 1, 2, 3, 4]
    assert {slot for slot, _ in pool.given} == {0, 1}
    assert pool.started == 2


def test_no_more_workers_than_orders(tmp_path):
    pool = MadeUp(8, lambda slot, order: [Finished()])
    dispatched(pool, [order(n, "transitions") for n in range(3)], tmp_path)
    assert pool.started == 3


def test_only_what_was_at_work_counts_as_tried(tmp_path):
    """Unit b of stability ends its worker whenever it begins; a, which comes before it, is never given up."""
    one = order(0, "transitions", "stability")
    transitions, a, b = one.units

    def answer(slot, given):
        events = []
        for step in given.steps():
            events.append(Began(tuple(unit.key for unit in step)))
            if b in step:
                return [*events, Lost("SIGKILL")]
            for unit in step:
                write(tmp_path, unit)
        return [*events, Finished()]

    failures = dispatched(MadeUp(2, answer), [one, order(1, "transitions")], tmp_path)
    said = "clip 0: stability with b: its worker was lost 3 times (last: SIGKILL)"
    assert [error for _, _, error in failures] == [said]
    parts = UnitCache(tmp_path)
    assert parts.has(transitions.stage, transitions.key)
    assert parts.has(a.stage, a.key)


def write(folder, unit):
    path = folder / "cache" / unit.stage.name / f"{unit.key}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_failed_item_has_no_further_orders(tmp_path):
    first, second = order(0, "transitions"), order(0, "variation")
    pool = MadeUp(1, lambda slot, given: [Failed(str(given.item.path), "no video"), Finished()])
    assert [path for _, path, _ in dispatched(pool, [first, second], tmp_path)] == ["/clips/0.mp4"]
    assert len(pool.given) == 1


def test_workers_that_end_before_they_are_ready_end_the_run(tmp_path):
    pool = MadeUp(1, lambda slot, order: [], ready=False)
    with pytest.raises(SettingsError, match=r"workers end before they have begun \(code 1\)"):
        dispatched(pool, [order(0, "transitions")], tmp_path)
    assert pool.closed
    assert pool.started == 3


def test_what_a_worker_raises_ends_the_run(tmp_path):
    pool = MadeUp(1, lambda slot, order: [Raised(SettingsError("no such perturbation"))])
    with pytest.raises(SettingsError, match="no such perturbation"):
        dispatched(pool, [order(0, "transitions")], tmp_path)
    assert pool.closed
