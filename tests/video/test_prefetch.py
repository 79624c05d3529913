"""Never more ahead than asked for, in order, and nothing left behind."""

import threading
import time

import pytest

from vidrobust.video.stream import prefetched


class Source:
    """Counts what it has made, and knows the thread that closed it."""

    def __init__(self, count, fails_at=None):
        self.made = 0
        self.closed_on = None
        self._count, self._fails_at = count, fails_at

    def __call__(self):
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise OSError("the disk is gone")
                self.made += 1
                yield number
        finally:
            self.closed_on = threading.current_thread().name


def settled(source):
    """What has been made once nothing more is being made."""
    seen = -1
    while seen != source.made:
        seen = source.made
        time.sleep(0.05)
    return seen


def test_all_items_come_in_order():
    source = Source(100)
    assert list(prefetched(source, 3)) == list(range(100))
    assert source.closed_on == "vidrobust-prefetch"


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_is_made_than_asked_for(depth):
    source = Source(100)
    items = prefetched(source, depth)
    for taken in range(1, 4):
        next(items)
        assert settled(source) == taken + depth
    items.close()
    assert source.closed_on == "vidrobust-prefetch"
    assert settled(source) <= 3 + depth + 1


def test_nothing_runs_before_the_first_item_is_asked_for():
    source = Source(3)
    items = prefetched(source, 2)
    assert settled(source) == 0
    items.close()
    assert source.closed_on is None


def test_an_exception_arrives_in_its_place():
    source = Source(10, fails_at=4)
    taken = []
    with pytest.raises(OSError, match="the disk is gone"):
        taken.extend(prefetched(source, 3))
    assert taken == [0, 1, 2, 3]  # list.extend keeps what came before
    assert source.closed_on == "vidrobust-prefetch"


def fail_at_the_first(source):
    for item in prefetched(source, 2):
        raise KeyError(item)


def test_leaving_by_an_exception_ends_the_thread():
    before = threading.active_count()
    source = Source(1000)
    with pytest.raises(KeyError):
        fail_at_the_first(source)
    assert threading.active_count() == before
    assert source.closed_on == "vidrobust-prefetch"
