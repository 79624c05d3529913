"""The errors a user meets, each with the exit code the command line ends with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from vidrobust.text.printable import shown

LONGEST = 4000  # characters of a message: one that quotes a damaged file may hold all of it


class VidrobustError(Exception):
    """Something the user can put right; the message says what, where and the way out."""

    exit_code: ClassVar[int] = 3

    def __str__(self) -> str:
        text = shown(super().__str__())
        return (
            text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        )


class SettingsError(VidrobustError):
    """An option, a model spec or a settings file is wrong (exit code 2)."""

    exit_code: ClassVar[int] = 2


class InputError(VidrobustError):
    """An input could not be read, or nothing could be evaluated (exit code 3)."""

    exit_code: ClassVar[int] = 3


class ModelError(InputError):
    """A model failed on frames, or answered with what is no prediction; other models can go on (exit code 3)."""


DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    OSError,
    EOFError,
)


@contextmanager
def reading(path: object, what: str) -> Iterator[None]:
    """Turn what a reader meets in a damaged file into an InputError: no reader checks every value."""
    try:
        yield
    except DAMAGED as error:
        raise InputError(
            f"{path}: cannot be read as {what} ({type(error).__name__}: {error})"
        ) from error


@contextmanager
def no_exit(what: str, of: object = None) -> Iterator[None]:
    """Turn ``sys.exit`` in code of a model or plugin into a ModelError, so that a study never ends silently.

    So does any error of ``of`` if it comes from another package.
    """
    try:
        yield
    except SystemExit as error:
        raise ModelError(f"{what}: its code called sys.exit({error.code!r})") from error
    except (VidrobustError, OSError):
        raise
    except Exception as error:
        if of is None or type(of).__module__.startswith("vidrobust."):
            raise
        raise ModelError(f"{what}: its code raised {type(error).__name__}: {error}") from error
