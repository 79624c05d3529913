"""Ctrl-C: swallowed, waiting, and processes that do not hear it; run by test_interrupts.py."""

import os
import signal
import subprocess
import sys
import time

import pytest

from vidrobust.pipeline.interrupts import graceful_interrupts, later, remind, unheard
from vidrobust.pipeline.progress import Reporter


@pytest.fixture(autouse=True)
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)  # signals are looked at between two instructions


class Doomed:
    def __del__(self):
        press()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_destructor_swallows_is_raised_at_the_next_step():
    with graceful_interrupts(), Reporter(quiet=True).counting("work", None, "steps") as counter:
        counter.advance()
        Doomed()  # prints "Exception ignored in", and goes on
        with pytest.raises(KeyboardInterrupt):
            counter.advance()
    assert counter.done == 1
    remind()  # forgotten with the command


def test_it_is_raised_where_it_comes():
    with pytest.raises(KeyboardInterrupt), graceful_interrupts():
        press()
    with graceful_interrupts():
        remind()  # a new command knows nothing of it


def test_it_waits_and_is_raised_at_the_end():
    done = []

    def work():
        with later():
            press()
            with later():
                remind()
            done.append("all of it")

    with graceful_interrupts():
        with pytest.raises(KeyboardInterrupt):
            work()
        # what is closed on the way out is not interrupted again by the one that came before
        with later():
            done.append("closed")
    assert done == ["all of it", "closed"]


def test_who_handles_the_signal_already_goes_on_doing_so():
    seen = []
    ours = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    with graceful_interrupts():
        press()
        remind()
    signal.signal(signal.SIGINT, ours)
    assert seen == [1]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs Linux: pthread_sigmask")
@pytest.mark.parametrize("away", [True, False])
def test_a_process_started_unheard_does_not_hear_it(away):
    command = [sys.executable, "-c", "import sys; sys.stdin.read(); print('done')"]
    with graceful_interrupts():
        if away:
            with unheard():
                child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        else:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(b"")
    assert (child.returncode == 0 and said == b"done\n") is away
