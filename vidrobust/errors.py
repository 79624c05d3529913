"""The errors a user meets, each with the exit code the command line ends with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from vidrobust.text.printable import shown

LONGEST = 4000  # characters of a message: one that quotes a damaged file may hold all of it
# Words of libraries that advise to load a file in a way that may run code from it, or that takes any time
_UNSAFE = re.compile(
    r"weights_only|allow_pickle|safe_globals|trust_remote_code|pickle\.load|arbitrary code|set_int_max_str_digits"
)
# What stands instead of those that also say what is wrong
_SAID_SAFELY = (
    (
        re.compile(
            r"(Object arrays|Cannot load .{0,60}?)( cannot be loaded)? when allow_pickle ?= ?False"
        ),
        "it holds objects of Python, which could run code",
    ),
    (re.compile(r"[;,]? *use sys\.set_int_max_str_digits\(\) to increase the limit"), ""),
)


class VidrobustError(Exception):
    """Something the user can put right; the message says what, where and the way out."""

    exit_code: ClassVar[int] = 3

    def __str__(self) -> str:
        text = without_unsafe_advice(shown(super().__str__()))
        return (
            text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        )


def without_unsafe_advice(text: str) -> str:
    """Return what another library says without its advice to load a file in a way that may run code from it.

    >>> without_unsafe_advice("Object arrays cannot be loaded when allow_pickle=False")
    'it holds objects of Python, which could run code'
    """
    for pattern, instead in _SAID_SAFELY:
        text = pattern.sub(instead, text)
    if not _UNSAFE.search(text):
        return text
    lines = (re.split(r"(?<=[.;]) +", line) for line in text.splitlines())
    safe = (" ".join(one for one in line if not _UNSAFE.search(one)) for line in lines)
    return "\n".join(line for line in safe if line.strip())


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


# Python's types as people who wrote the file know them
_TYPES = {
    "NoneType": "nothing (null)",
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
}
_CLASS = re.compile(r"<class '(\w+)'>")
_NO_NUMBER = re.compile(
    r"(?:could not convert string to float|invalid literal for int\(\) with base 10): (.*)", re.S
)


def in_plain_words(error: BaseException) -> str:
    """Return what an exception met in a file means, without Python's own terms.

    >>> in_plain_words(KeyError("category_id"))
    "'category_id' is missing"
    """
    text = _CLASS.sub(lambda match: _TYPES.get(match[1], match[1]), str(error))
    match error:
        case KeyError():
            return f"{text} is missing"
        case OSError():
            return error.strerror or text
        case IndexError():
            return "a list has fewer values than expected"
        case OverflowError() | ZeroDivisionError():
            return "a number is out of range"
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return f"the byte at {error.start} is no {error.encoding.upper()}"
        case TypeError() if text.startswith("expected "):
            return text  # it was written for a person
        case TypeError() | AttributeError():
            named = "|".join(_TYPES)
            kind = re.search(f"'({named})'", text) or re.search(rf"\b({named})\b", text)
            return f"{_TYPES[kind[1]] if kind else 'a value'} stands where it cannot"
    if number := _NO_NUMBER.fullmatch(text):
        return f"{number[1]} is no number"
    if "values to unpack" in text or "argument 2 is" in text:
        return "a list has more or fewer values than expected"
    if "NaN to integer" in text or "infinity to integer" in text:
        return "a number is not finite"
    return text or "it is not as expected"


def first_line(error: BaseException) -> str:
    """Return the first line of what another library raised, at most 200 characters."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


@contextmanager
def reading(path: object, what: str) -> Iterator[None]:
    """Turn what a reader meets in a damaged file into an InputError: no reader checks every value."""
    try:
        yield
    except DAMAGED as error:
        raise InputError(f"{path}: cannot be read as {what}: {in_plain_words(error)}") from error


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
