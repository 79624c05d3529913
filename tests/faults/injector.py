"""Makes one file operation of a command fail, or stops the process there as a kill would."""

import builtins
import contextlib
import errno
import io
import os
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock


class KilledError(BaseException):
    """The process is gone: nothing that handles errors sees it, and no file changes any more."""


@dataclass
class Faults:
    """Counts file operations below some folders, and lets one of them fail.

    Attributes
    ----------
    at
        Number of the operation that fails, from 0; None: none does.
    kill
        Whether the process ends there instead.
    done
        The operations so far: what, and the path.
    look
        Called before each operation; its own file operations are none.
    """

    folders: tuple[Path, ...]
    at: int | None = None
    kill: bool = False
    done: list[tuple[str, str]] = field(default_factory=list)
    dead: bool = False
    look: Callable[[], None] | None = None
    _looking: int = 0
    _locks: list[FileLock] = field(default_factory=list)

    def met(self, what, path):
        """Count an operation; raise OSError or KilledError where it is the one."""
        if self._looking == threading.get_ident():
            return
        if not isinstance(path, str | os.PathLike) or not self._counts(os.fspath(path)):
            return
        if self.dead:
            raise KilledError
        self.done.append((what, str(path)))
        if self.look is not None:
            self._looking = threading.get_ident()
            self.look()
            self._looking = 0
        if self.at == len(self.done) - 1:
            if self.kill:
                self.dead = True
                raise KilledError
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    def _counts(self, path):
        place = os.path.abspath(os.fsdecode(path))
        return any(place.startswith(f"{folder}{os.sep}") for folder in self.folders)

    def release(self):
        """Give the locks back, as the end of a process does."""
        for lock in self._locks:
            with contextlib.suppress(Exception):
                lock.release(force=True)


class _File:
    """A file that is written to, each time an operation of its own."""

    def __init__(self, file, path, faults):
        self._file, self._path, self._faults = file, path, faults

    def write(self, content):
        self._faults.met("write", self._path)
        return int(self._file.write(content))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __iter__(self):
        return iter(self._file)

    def __getattr__(self, name):
        return getattr(self._file, name)


@contextmanager
def injected(faults):
    """Within it the file operations of this process are those of ``faults``."""
    opened = io.open

    def open_(file, mode="r", *args, **more):
        faults.met("open", file)
        found = opened(file, mode, *args, **more)
        return _File(found, file, faults) if set(mode) & set("wax+") else found

    def before(function, what, place=0):
        def call(*args, **more):
            faults.met(what, args[place] if len(args) > place else None)
            return function(*args, **more)

        return call

    acquire = FileLock.acquire

    def acquire_(self, *args, **more):
        faults.met("lock", self.lock_file)
        faults._locks.append(self)
        return acquire(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "open", open_)
        patch.setattr(io, "open", open_)
        for name in ("replace", "rename", "unlink", "rmdir", "mkdir"):
            patch.setattr(os, name, before(getattr(os, name), name))
        written, read = ("write_table", "read_table", "read_metadata"), ("read_parquet",)
        for module, names in ((pq, written), (pd, read)):
            for name in names:
                operation = before(getattr(module, name), name, name == "write_table")
                patch.setattr(module, name, operation)
        patch.setattr(FileLock, "acquire", acquire_)
        try:
            yield faults
        finally:
            patch.undo()
            faults.release()
