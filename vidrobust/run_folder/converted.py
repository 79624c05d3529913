"""Plain values of TOML and JSON become typed ones, by cattrs; what does not fit is named."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from vidrobust.errors import SettingsError

PLAIN: dict[type, tuple[type, ...]] = {str: (str, int), int: (int,), float: (int, float), bool: (bool,)}
"""What is taken for each type: a whole number is a number and may be a name; true and false are neither."""


def _structured(value: Any, kind: type) -> Any:
    if not isinstance(value, PLAIN[kind]) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return kind(value)


_CONVERTER = Converter(detailed_validation=False)
for _kind in PLAIN:
    _CONVERTER.register_structure_hook(_kind, _structured)


def convert(kind: Any, value: Any, where: str) -> Any:
    """The value as this type; one value may stand for a list of one.

    Raises SettingsError, beginning with ``where``, that says what was expected and what came.
    """
    if get_origin(kind) is tuple and not isinstance(value, list | tuple):
        if not isinstance(value, str | int | float):
            raise SettingsError(f"{where}: expected a list of {get_args(kind)[0].__name__}, got {value!r}")
        value = [value]
    try:
        return _CONVERTER.structure(value, kind)
    except (TypeError, ValueError, StructureHandlerNotFoundError) as error:
        raise SettingsError(f"{where}: {error}") from error
