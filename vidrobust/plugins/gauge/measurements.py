"""Tables of repeated measurements or verdicts: part, operator, trial, value."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.csv_table import read_csv_table
from vidrobust.install_hint import pip_install
from vidrobust.plugins.gauge.stated import stated
from vidrobust.text.phrases import listing
from vidrobust.text.printable import printable

# What each column is called, by its role.
ROLES: dict[str, tuple[str, ...]] = {
    role: tuple(names) for role, names in stated("columns").items()
}
NUMBERED = re.compile(r"(.*?)[\s._#-]*\(?(\d+)\)?$")
ALONE = "all"  # The operator of a table that names none


def normal(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[\s._\-/()#:]+", " ", name).strip().casefold()


def with_roles(
    table: pd.DataFrame, where: Path | str, given: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return the table with its columns under their roles."""
    names = [str(name) for name in table.columns]
    roles: dict[str, str] = {}
    for role, column in (given or {}).items():
        if role not in ROLES:
            raise SettingsError(f"--columns: {role!r} is no role; there are {', '.join(ROLES)}")
        match = [name for name in names if name == column] or [
            n for n in names if normal(n) == normal(column)
        ]
        if not match:
            raise SettingsError(
                f"--columns {role}={column}: {where} has {', '.join(map(printable, names))}"
            )
        roles[match[0]] = role
    for role, aliases in ROLES.items():
        if role in roles.values():
            continue
        fit = [name for name in names if normal(name) in aliases and name not in roles]
        exact = [name for name in fit if normal(name) == role]
        if len(fit) > 1 and len(exact) != 1:
            raise InputError(
                f"{where}: {' and '.join(map(printable, fit))} may both be the {role}; say which with "
                f"--columns {role}={printable(fit[0])}"
            )
        if fit:
            roles[(exact or fit)[0]] = role
    return table.rename(columns=roles)


def in_long_form(table: pd.DataFrame, where: Path | str) -> pd.DataFrame:
    """Return trials that stand side by side as one row a value."""
    if "value" in table:
        return table
    columns = _numbered(table, where)
    fixed = [name for name in ("part", "operator", "reference") if name in table]
    pieces = []
    for name, operator, trial in columns:
        piece = table[fixed].assign(trial=trial, value=table[name])
        if operator:
            piece = piece.assign(operator=operator)
        pieces.append(piece)
    return pd.concat(pieces).sort_index(kind="stable")


# Rows of a form that sum others up, and columns that do.
SUMMARIES = {
    "average",
    "ave",
    "avg",
    "mean",
    "x bar",
    "xbar",
    "range",
    "r",
    "mittelwert",
    "spannweite",
}


def parts_across(table: pd.DataFrame, where: Path | str) -> tuple[pd.DataFrame, list[str]]:
    """Return a form whose columns are the parts, as AIAG prints it, as one row a value, with notes."""
    numbered = [
        (str(name), NUMBERED.fullmatch(str(name))) for name in table.columns if name not in ROLES
    ]
    parts = {
        name: match[2]
        for name, match in numbered
        if match and normal(match[1]) in {"", *ROLES["part"]}
    }
    if "part" in table or "value" in table or "trial" not in table or len(parts) < 2:
        return table, []
    people = table["operator"] if "operator" in table else pd.Series(ALONE, table.index)
    labels = [people.map(normal), table["trial"].map(normal)]
    true = labels[0].isin(ROLES["reference"]) | labels[1].isin(ROLES["reference"])
    summed = labels[0].isin(SUMMARIES) | labels[1].isin(SUMMARIES)
    if true.sum() > 1:
        raise InputError(f"{where}: {true.sum()} rows of references; expected one")
    # a name may stand in its first row alone
    people = people.where(people != "", None).ffill().fillna("")
    rows = table.assign(operator=people)[~true & ~summed]
    long = rows.melt(
        id_vars=["operator", "trial"], value_vars=list(parts), var_name="part", ignore_index=False
    )
    if true.any():
        long["reference"] = long["part"].map(table.loc[true, list(parts)].iloc[0])
    notes = [f"rows of averages and ranges left out: lines {_listed(tuple(table.index[summed]))}"]
    return long.assign(part=long["part"].map(parts)), notes if summed.any() else []


def _numbered(table: pd.DataFrame, where: Path | str) -> list[tuple[str, str, str]]:
    words = {*ROLES["trial"], *ROLES["value"], "", "m", "t", "r", "x", "y"}
    free = [str(name) for name in table.columns if name not in ROLES]
    split = [(name, NUMBERED.fullmatch(name)) for name in free]
    numbered = [(name, match[1].strip(" ._#-("), match[2]) for name, match in split if match]
    trials = [(name, "", trial) for name, stem, trial in numbered if normal(stem) in words]
    people = [row for row in numbered if normal(row[1]) not in words]
    if "operator" in table:
        people = []
    chosen = trials if trials else people
    if not chosen:
        there = ", ".join(map(printable, map(str, table.columns))) or "none"
        raise InputError(
            f"{where}: has no column of values; it has {there}. Expected part, operator, trial, value, or trials "
            "side by side (Trial 1, Trial 2, ...); or name them: --columns part=...,operator=...,value=..."
        )
    return chosen


def parse_columns(text: str | None) -> dict[str, str]:
    """``part=Teil,value=Messwert`` as a mapping; SettingsError where it is no such list."""
    names = {}
    for piece in (text or "").split(","):
        if not piece.strip():
            continue
        role, equals, name = piece.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"--columns: expected ROLE=NAME[,ROLE=NAME], got {piece.strip()!r}")
        names[role.strip().casefold()] = name.strip()
    return names


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


def _numbers(rows: pd.DataFrame, path: Path) -> pd.Series:
    """The values as numbers; InputError names the line of what is none."""
    values = pd.to_numeric(rows["value"], errors="coerce").astype(np.float64)
    bad = rows.index[~np.isfinite(values.to_numpy())]
    if len(bad):
        text = rows.loc[[bad[0]], "value"].iloc[0]
        raise InputError(
            f"{printable(path)}: line {bad[0]}: value {printable(text)!r} is no number; a study of classes is "
            "asked for with --attribute"
        )
    return values


COLUMNS = ("part", "operator", "trial", "value")
# What stands in the place of a missing number; in a table of classes these may be names.
NO_NUMBER = ("na", "n/a", "#n/a", "nan")
# What to do with names that differ as ``alike`` says: ask, take them as one, or keep them apart
Case = Literal["ask", "same", "distinct"]
MOST_LISTED = 8


@dataclass(frozen=True, kw_only=True)
class StudyTable:
    """A table as read, one row a value, with the lines left out, the hash of the file, notes and assumptions."""

    rows: pd.DataFrame
    dropped: tuple[int, ...]
    sha256: str
    notes: tuple[str, ...]
    assumed: tuple[str, ...]


def read_gauge(
    path: Path, columns: Mapping[str, str] | None = None, case: Case = "ask"
) -> StudyTable:
    table = read_study_table(path, columns, case)
    rows = table.rows.assign(value=_numbers(table.rows, path))
    return replace(table, rows=check_gauge(rows, str(path)))


def read_bias(
    path: Path, columns: Mapping[str, str] | None = None, case: Case = "ask"
) -> StudyTable:
    """A table of a bias study: the same, with the reference of each part as a number."""
    table = read_gauge(path, columns, case)
    if "reference" not in table.rows:
        raise InputError(
            f"{printable(path)}: column reference is missing; name it with --columns reference=NAME"
        )
    reference = pd.to_numeric(table.rows["reference"], errors="coerce").astype(np.float64)
    if reference.isna().any():
        text = table.rows.loc[reference.isna(), "reference"].iloc[0]
        raise InputError(f"{printable(path)}: reference {printable(str(text))!r} is no number")
    return replace(table, rows=table.rows.assign(reference=reference))


def read_attribute(
    path: Path, columns: Mapping[str, str] | None = None, case: Case = "ask"
) -> StudyTable:
    """A table of an attribute study: all text."""
    table = read_study_table(path, columns, case)
    classes = list(table.rows["value"]) + list(table.rows.get("reference", ()))
    rows = _one_spelling(table.rows, ("value", "reference"), classes, case, path)
    notes = [*table.notes, *_foreign_references(rows, path)]
    return replace(table, rows=check_attribute(rows, str(path)), notes=tuple(notes))


def _foreign_references(rows: pd.DataFrame, path: Path) -> list[str]:
    """A note on references that no verdict ever is; InputError if no class is on both sides."""
    if "reference" not in rows:
        return []
    given, true = set(rows["value"]), set(rows["reference"].fillna("")) - {""}
    foreign = sorted(true - given)
    if not foreign:
        return []
    if foreign == sorted(true) and len(given) > 1:
        raise InputError(
            f"{printable(path)}: no reference is a class that anybody named: references {_named(true)}, verdicts "
            f"{_named(given)}. Write both alike"
        )
    return [f"no verdict is {_named(foreign)}, though references are: are both written alike?"]


def _named(classes: Iterable[str]) -> str:
    return listing(map(printable, sorted(classes)), MOST_LISTED)


def read_study_table(
    path: Path,
    columns: Mapping[str, str] | None = None,
    case: Case = "ask",
) -> StudyTable:
    """Read a table as text, one row a value."""
    table, notes = _as_text(path)
    table, form = parts_across(with_roles(table, printable(path), columns), printable(path))
    notes += form
    table = in_long_form(table, printable(path))
    if "part" not in table:
        there = ", ".join(map(printable, map(str, table.columns)))
        raise InputError(
            f"{printable(path)}: column part is missing; it has {there}. Name it with --columns part=NAME"
        )
    blank = _missing(table["value"])
    lines = tuple(dict.fromkeys(int(line) for line in table.index[blank]))
    if lines:
        count = int(blank.sum())
        notes.append(
            f"{count} blank value{'s' * (count > 1)} left out: line{'s' * (len(lines) > 1)} {_listed(lines)}"
        )
    table, assumed = table[~blank], []
    if "operator" not in table:
        table = table.assign(operator=ALONE)
        assumed.append("the table names no operator: all values are taken as one operator's")
    for name in ("part", "operator"):
        empty = table.index[table[name] == ""]
        if len(empty):
            raise InputError(f"{printable(path)}, line {empty[0]}, column {name}: is empty")
        table = _one_spelling(table, (name,), list(table[name]), case, path)
    if "trial" not in table or (table["trial"] == "").all():
        table = table.assign(trial=(table.groupby(["part", "operator"]).cumcount() + 1).astype(str))
        assumed.append("the table names no trials: they are numbered in the order of the rows")
    return StudyTable(
        rows=table,
        dropped=lines,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        notes=tuple(notes),
        assumed=tuple(assumed),
    )


def _missing(values: pd.Series) -> pd.Series:
    words = values.str.strip().str.lower()
    blank, none = words.isin(("", "*")), words.isin(NO_NUMBER)
    rest = pd.to_numeric(words[~(blank | none)], errors="coerce")
    return blank | none if len(rest) and rest.notna().all() else blank


def check_gauge(table: pd.DataFrame, where: str = "gauge study") -> pd.DataFrame:
    """The rows with a value, of part, operator, trial, value."""
    table = table[table["value"].notna()]
    infinite = table[~np.isfinite(table["value"].to_numpy(np.float64))]
    if len(infinite):
        row = infinite.iloc[0]
        raise InputError(
            f"{where}: part {row['part']}, operator {row['operator']}: value {row['value']} is no number"
        )
    return _checked(table, where)


BITS = 44  # Binary digits that are kept of the largest value: sums of 500 such values are exact


def settled(value: pd.Series) -> pd.Series:
    """Round values (N,) to 44 binary digits of the largest."""
    largest = float(value.abs().max())
    if not 1e-280 < largest < math.inf:
        return value
    step = 2.0 ** (math.ceil(math.log2(largest)) - BITS)
    return (value / step).round() * step


def check_attribute(table: pd.DataFrame, where: str = "attribute study") -> pd.DataFrame:
    """Rows of part, operator, trial, value [, reference] as text."""
    table = _checked(table, where).assign(value=lambda t: t["value"].astype(str))
    if "reference" not in table:
        return table
    table["reference"] = table["reference"].fillna("").astype(str)
    per_part = table.groupby("part", sort=False)["reference"].agg(lambda v: sorted(set(v) - {""}))
    for part, classes in per_part.items():
        if len(classes) > 1:
            raise InputError(
                f"{where}: part {part} has {len(classes)} references ({', '.join(classes)}); give each part one"
            )
    table["reference"] = table["part"].map({p: c[0] if c else "" for p, c in per_part.items()})
    return table


def _as_text(path: Path) -> tuple[pd.DataFrame, list[str]]:
    ending = path.suffix.lower()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise InputError(
            f"{printable(path)}: {what}; expected a table with the columns {', '.join(COLUMNS)}"
        )
    if ending in (".xlsx", ".xlsm", ".xls", ".ods"):
        return _of_sheet(path), []
    if ending == ".parquet":
        try:
            return _text_of(pd.read_parquet(path), first=1), []
        except Exception as error:
            raise InputError(f"{printable(path)}: cannot be read as Parquet ({error})") from error
    table = read_csv_table(path)
    if table.uneven:
        line, count = table.uneven[0]
        raise InputError(
            f"{printable(path)}, line {line}: expected {len(table.columns)} values, got {count}"
        )
    notes = []
    if table.dialect.guessed:
        notes.append(
            "the file is no UTF-8 and was read as Windows-1252: look whether all names are right"
        )
    if table.decimal_commas:
        notes.append(f"decimal commas in {', '.join(map(printable, table.decimal_commas))}")
    frame = table.frame()
    keep = [
        name != "" or bool((frame.iloc[:, k] != "").any()) for k, name in enumerate(table.columns)
    ]
    return frame.loc[:, keep], notes


def _of_sheet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_excel(path)
    except ImportError as error:
        raise SettingsError(
            f"{printable(path)}: Excel files need openpyxl: {pip_install('excel')}; or save it as CSV"
        ) from error
    except Exception as error:
        raise InputError(f"{printable(path)}: cannot be read as an Excel file ({error})") from error
    return _text_of(table, first=2)


def _text_of(table: pd.DataFrame, first: int) -> pd.DataFrame:
    def text(value: Any) -> str:
        if value is None or value != value:
            return ""
        return (
            str(int(value))
            if isinstance(value, float) and value.is_integer()
            else str(value).strip()
        )

    summary = table.astype(object).map(text)
    summary.index = pd.Index(range(first, first + len(table)), name="line")
    summary.columns = [str(name).strip() for name in summary.columns]
    return summary


def _one_spelling(
    rows: pd.DataFrame, names: tuple[str, ...], values: list[str], case: Case, path: Path
) -> pd.DataFrame:
    """Unify the spelling of names; InputError where two spellings may be one name."""
    groups = [] if case == "distinct" else alike([value for value in values if value])
    if not groups:
        return rows
    if case == "ask":
        one, other = groups[0][:2]
        where = f"{printable(path)}, column {' or '.join(names)}"
        raise InputError(
            f"{where}: {printable(one)!r} and {printable(other)!r} differ by letter case, blanks, leading zeros "
            "or a trailing .0 alone. Are they the same? Say --case same, or --case distinct"
        )
    first = {name: group[0] for group in groups for name in group}
    return rows.assign(**{n: rows[n].map(lambda v: first.get(v, v)) for n in names if n in rows})


def _listed(lines: tuple[int, ...]) -> str:
    more = f" and {len(lines) - MOST_LISTED} more" if len(lines) > MOST_LISTED else ""
    return ", ".join(map(str, lines[:MOST_LISTED])) + more


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    if table.empty:
        raise InputError(f"{where}: no row has a value")
    table = table.copy()
    for name in ("part", "operator", "trial"):
        table[name] = table[name].astype(str)
    twice = table[table.duplicated(["part", "operator", "trial"])]
    if len(twice):
        part, operator, trial = twice.iloc[0][["part", "operator", "trial"]]
        raise InputError(
            f"{where}: part {part}, operator {operator}, trial {trial} stands there twice; number the trials"
        )
    return table.reset_index(drop=True)
