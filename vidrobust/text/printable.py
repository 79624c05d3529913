"""Names and messages that a terminal can print: one line, valid text, no secrets."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit, urlunsplit

_BYTE = re.compile("[\udc80-\udcff]")  # how Python holds a byte of a file name that is not UTF-8
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_SECRET = re.compile(
    r"(?i)((?:user|usr|login|pass|passwd|password|pwd|token|key|auth|sig|signature)=)[^&;/]*"
)


def printable(name: str | os.PathLike[str]) -> str:
    r"""Return a name with escapes for what would break a line, hide, or is no valid text.

    >>> printable("line\n1\udcff.mp4")
    'line\\n1\\xff.mp4'
    """
    return _HIDDEN.sub(lambda m: repr(m[0])[1:-1], bytes_shown(os.fspath(name)))


def shown(text: str) -> str:
    r"""Return text of any number of lines with control characters as escapes.

    >>> shown("\x1b[31mred\x07\nnext line")
    '\\x1b[31mred\\x07\nnext line'
    """
    return _CONTROL.sub(lambda m: repr(m[0])[1:-1], bytes_shown(text))


def bytes_shown(text: str) -> str:
    """Return text with bytes that are not UTF-8 as escapes."""
    return _BYTE.sub(lambda m: f"\\x{ord(m[0]) - 0xDC00:02x}", text)


def without_secrets(source: str) -> str:
    """Return an address without user, password and token.

    >>> without_secrets("rtsp://admin:secret@cam-3/live?token=abc")
    'rtsp://cam-3/live?token=***'
    """
    if "://" not in source:
        return source
    parts = urlsplit(source)
    where = parts.netloc.rsplit("@", 1)[-1]
    path, query = (_SECRET.sub(r"\1***", part) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, where, path, query, ""))
