"""Columns of study tables as people name and lay them out: other languages, other programs, trials side by
side."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.text.printable import printable

# What each column is called, by its role.
ROLES: dict[str, tuple[str, ...]] = {
    role: tuple(names)
    for role, names in tomllib.loads(
        (resources.files("vidrobust.plugins.gauge") / "columns.toml").read_text(encoding="utf-8")
    ).items()
}
NUMBERED = re.compile(r"(.*?)[\s._#-]*\(?(\d+)\)?$")
# The operator, or the part, of a table that names none.
ALONE = "all"


def normal(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[\s._\-/()#:]+", " ", name).strip().casefold()


def with_roles(
    table: pd.DataFrame, where: Path | str, given: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return the table with its columns under their roles."""
    names = [str(name) for name in table.columns]
    found: dict[str, str] = {}
    for role, column in (given or {}).items():
        if role not in ROLES:
            raise SettingsError(f"--columns: {role!r} is no role; there are {', '.join(ROLES)}")
        match = [name for name in names if name == column] or [
            n for n in names if normal(n) == normal(column)
        ]
        if not match:
            raise SettingsError(f"--columns {role}={column}: {where} has {', '.join(map(printable, names))}")
        found[match[0]] = role
    for role, aliases in ROLES.items():
        if role in found.values():
            continue
        fit = [name for name in names if normal(name) in aliases and name not in found]
        exact = [name for name in fit if normal(name) == role]
        if len(fit) > 1 and len(exact) != 1:
            raise InputError(
                f"{where}: {' and '.join(map(printable, fit))} may both be the {role}; say which with "
                f"--columns {role}={printable(fit[0])}"
            )
        if fit:
            found[(exact or fit)[0]] = role
    return table.rename(columns=found)


def in_long_form(table: pd.DataFrame, where: Path | str) -> pd.DataFrame:
    """Return trials that stand side by side as one row a value."""
    if "value" in table:
        return table
    if "accepted" in table and "trial" in table:
        return _counted(table, where)
    columns = _numbered(table, where)
    fixed = [name for name in ("part", "operator", "reference", "time") if name in table]
    pieces = []
    for name, operator, trial in columns:
        piece = table[fixed].assign(trial=trial, value=table[name])
        if operator:
            piece = piece.assign(operator=operator)
        pieces.append(piece)
    return pd.concat(pieces).sort_index(kind="stable")


# The verdicts of a table that counts them.
ACCEPTED, REJECTED = "accepted", "rejected"


def _counted(table: pd.DataFrame, where: Path | str) -> pd.DataFrame:
    """Verdicts of a table of counts."""
    counts = {}
    for name in ("accepted", "trial"):
        counts[name] = pd.to_numeric(table[name], errors="coerce")
        wrong = table.index[~(counts[name] >= 0) | (counts[name] % 1 != 0)]
        if len(wrong):
            text = printable(str(table.loc[wrong[0], name]))
            raise InputError(f"{where}, line {wrong[0]}: {name} {text!r} is no number of verdicts")
    more = table.index[counts["accepted"] > counts["trial"]]
    if len(more):
        raise InputError(f"{where}, line {more[0]}: more accepted than tried")
    if "measured" not in table and "reference" in table:
        table = table.rename(columns={"reference": "measured"})
    long = table.drop(columns=["accepted", "trial"]).loc[table.index.repeat(counts["trial"].astype(int))]
    trial = np.concatenate([np.arange(count) for count in counts["trial"].astype(int)])
    accepted = counts["accepted"].loc[long.index].to_numpy()
    verdict = np.where(trial < accepted, ACCEPTED, REJECTED)
    return long.assign(trial=(trial + 1).astype(str), value=verdict)


def _numbered(table: pd.DataFrame, where: Path | str) -> list[tuple[str, str, str]]:
    """Column, operator ("" where the name has none) and trial of the columns that hold values."""
    words = {*ROLES["trial"], *ROLES["value"], "", "m", "t", "r", "x", "y"}
    free = [str(name) for name in table.columns if name not in ROLES]
    split = [(name, NUMBERED.fullmatch(name)) for name in free]
    numbered = [(name, match[1].strip(" ._#-("), match[2]) for name, match in split if match]
    trials = [(name, "", trial) for name, stem, trial in numbered if normal(stem) in words]
    people = [each for each in numbered if normal(each[1]) not in words]
    if "operator" in table:
        people = []
    found = trials if trials else people
    if not found:
        there = ", ".join(map(printable, map(str, table.columns))) or "none"
        raise InputError(
            f"{where}: has no column of values; it has {there}. Expected part, operator, trial, value, or trials "
            "side by side (Trial 1, Trial 2, ...); or name them: --columns part=...,operator=...,value=..."
        )
    return found


def parse_columns(text: str | None) -> dict[str, str]:
    """``part=Teil,value=Messwert`` as a mapping; SettingsError where it is no such list."""
    found = {}
    for piece in (text or "").split(","):
        if not piece.strip():
            continue
        role, equals, name = piece.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"--columns: expected ROLE=NAME[,ROLE=NAME], got {piece.strip()!r}")
        found[role.strip().casefold()] = name.strip()
    return found


def alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Names that differ by letter case, blanks, leading zeros or a trailing .0 alone, in groups."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(_bare(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _bare(name: str) -> str:
    text = " ".join(name.split()).casefold()
    text = re.sub(r"(?<![\d.,])0+(?=\d)", "", text)
    # digits behind a point end in zeros only where the whole name is a number: "v1.10" is not "v1.1"
    return re.sub(r"\.?0+$", "", text) if re.fullmatch(r"[+-]?\d+\.\d+", text) else text


def numbers(rows: pd.DataFrame, name: str, path: Path) -> pd.Series:
    """A column as numbers; "" as NaN. InputError with the line of what is none."""
    values = pd.to_numeric(rows[name].where(rows[name] != "", None), errors="coerce").astype(np.float64)
    bad = rows.index[~np.isfinite(values.to_numpy()) & (rows[name] != "").to_numpy()]
    if len(bad):
        text = rows.loc[[bad[0]], name].iloc[0]
        raise InputError(
            f"{printable(path)}: line {bad[0]}: {name} {printable(text)!r} is no number; a study of classes is "
            "asked for with --attribute"
        )
    return values
