"""How settings are declared: dataclass fields whose metadata hold the help text and the look of an option."""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from vidrobust.errors import SettingsError, in_plain_words

UsedBy = Literal["stage", "footage", "model", "gate"]
"""Which commands show an option: those with a stage that depends on the setting, with any stage that works on
footage, with any stage that asks a model, or those that end with gates."""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    name: str
    group: str  # title under which help shows the option
    help: str
    kind: type  # type of the value; of a tuple the type of its elements, with ``multiple``
    default: Any
    metavar: str | None = None
    usual: bool = False
    used_by: UsedBy = "stage"
    choices: tuple[str, ...] = ()
    # whether the value is a path or URL, which is kept as it is found from anywhere
    path: bool = False
    multiple: bool = False
    without: str = ""  # what the help names as the default where the value itself says nothing

    @property
    def joined(self) -> bool:
        """Whether the elements of a tuple are typed as one word with commas."""
        return self.multiple and self.kind is not str

    @property
    def shown_default(self) -> str:
        value = self.default
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        elif isinstance(value, bool):
            value = self.name if value else ""
        return self.without or ("" if value is None else str(value))


def option(
    default: Any,
    help: str,
    metavar: str | None = None,
    *,
    usual: bool = False,
    used_by: UsedBy = "stage",
    choices: tuple[str, ...] = (),
    path: bool = False,
    without: str = "",
) -> Any:
    """Declare a setting that is an option; ``--help`` shows ``usual`` ones, ``--help-all`` all.

    The other arguments are fields of ``Declaration``.

    >>> fps: float | None = option(None, "Frames per second.", "F", without="all frames")
    """
    look: dict[str, Any] = {"metavar": metavar, "usual": usual, "used_by": used_by, "path": path}
    look |= {"help": help, "choices": choices, "without": without}
    return dataclasses.field(default=default, metadata={"option": look})


@functools.cache
def declarations(group: type) -> tuple[Declaration, ...]:
    """Return the options among a dataclass's fields; its ``title`` names their group."""
    hints = get_type_hints(group)
    return tuple(
        Declaration(
            name=field.name,
            group=getattr(group, "title", "Options"),
            kind=_plain(hints[field.name]),
            default=field.default,
            multiple=get_origin(hints[field.name]) is tuple,
            **field.metadata["option"],
        )
        for field in dataclasses.fields(group)
        if "option" in field.metadata
    )


def _plain(hint: Any) -> type:
    kinds = [part for part in get_args(hint) if part not in (type(None), Ellipsis)]
    kind: type = kinds[0] if kinds else hint
    return kind


# Plain values of TOML and JSON become typed ones, by cattrs. A whole number is a number, and may be a name; true
# and false are neither.
_PLAIN: dict[type, tuple[type, ...]] = {
    str: (str, int),
    int: (int,),
    float: (int, float),
    bool: (bool,),
}


def _structured(value: Any, kind: type) -> Any:
    if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return kind(value)


_CONVERTER = Converter(detailed_validation=False)
for _kind in _PLAIN:
    _CONVERTER.register_structure_hook(_kind, _structured)


def convert(kind: Any, value: Any, where: str) -> Any:
    """Return the value as this type (SettingsError); a single value may stand for a list."""
    if get_origin(kind) is tuple and not isinstance(value, list | tuple):
        if not isinstance(value, str | int | float):
            raise SettingsError(
                f"{where}: expected a list of {get_args(kind)[0].__name__}, got {value!r}"
            )
        value = [value]
    try:
        return _CONVERTER.structure(value, kind)
    except (TypeError, ValueError, StructureHandlerNotFoundError) as error:
        raise SettingsError(f"{where}: {in_plain_words(error)}") from error


@functools.cache
def field_types(group: type) -> dict[str, Any]:
    hints = get_type_hints(group)
    return {field.name: hints[field.name] for field in dataclasses.fields(group)}


UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds_of(text: str, option: str = "budget") -> float:
    """Return a time such as 5m, 90s, 1h30m or 200ms in s; SettingsError names the option."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[hms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise SettingsError(f"{option}: expected a time such as 90s, 5m or 1h30m, got {text!r}")
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if seconds <= 0:
        raise SettingsError(f"{option}: expected more than nothing, got {text!r}")
    return seconds
