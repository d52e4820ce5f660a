"""An organisation as a table: CSV with one row for each resource and unit, for spreadsheets and personnel systems.

The columns are those of the JSON form, and `what` says what a row is. Lists stand in one cell with `;` between them, a
capability with its level as `french=B2`, an absence as `2026-08-01T00:00:00Z/2026-08-15T00:00:00Z/holiday`; working
hours are JSON. An empty cell leaves out what it would say.
"""

import csv
import json
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

from engine.errors import InvalidInput, Problem

WHAT = {
    "participant": "participants",
    "role": "roles",
    "position": "positions",
    "group": "groups",
    "capability": "capabilities",
}
"""What a row may be, and the list of the JSON form that it belongs to."""

COLUMNS = (
    "what", "id", "name", "kind", "category", "email", "roles", "positions", "groups", "capabilities", "available",
    "absences", "hours", "max_workload", "cost", "privileges", "notices", "parent", "type", "scale", "group",
)  # fmt: skip

MOST_PROBLEMS = 50

BETWEEN = ";"

NOTHING = "none"
"""What says that somebody wants no notices; an empty cell would be for those that are usual."""

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class _CellInvalid(Exception):
    """A cell does not hold what its column is for."""


def read_table(text: str) -> dict[str, list[dict[str, Any]]]:
    """The JSON form of a table. Raises `InvalidInput` (`invalid_table`) with every problem, by line and column."""
    rows = csv.reader(StringIO(text.removeprefix("\ufeff")), strict=True)
    document: dict[str, list[dict[str, Any]]] = {name: [] for name in WHAT.values()}
    problems: list[Problem] = []
    try:
        heads = [head.strip() for head in next(rows, [])]
        problems += _head_problems(heads)
        for row in rows if not problems else ():
            if any(cell.strip() for cell in row):
                _read_row(dict(zip(heads, row)), rows.line_num, document, problems)
                if len(row) > len(heads):
                    problems.append(Problem(f"line {rows.line_num}", f"has {len(row)} cells below {len(heads)} heads"))
    except csv.Error as error:
        problems.append(Problem(f"line {rows.line_num}", f"is no CSV: {error}"))
    if problems:
        raise InvalidInput("the table cannot be read", code="invalid_table", problems=problems[:MOST_PROBLEMS])
    return document


def written_table(document: Mapping[str, list[dict[str, Any]]]) -> str:
    """The table of a JSON form."""
    out = StringIO()
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for what, name in WHAT.items():
        for record in document.get(name, []):
            cells = {key: _WRITTEN.get(key, _plain)(value) for key, value in record.items() if key in COLUMNS}
            if what == "participant":
                cells["capabilities"] = _capabilities_cell(record)
            rows.writerow({"what": what, **cells})
    return out.getvalue()


# -- reading -------------------------------------------------------------------------------------------------------


def _head_problems(heads: list[str]) -> list[Problem]:
    problems = [Problem("line 1", f"there is no column {head!r}") for head in heads if head not in COLUMNS]
    problems += [Problem("line 1", f"the column {name} is missing") for name in ("what", "id") if name not in heads]
    problems += [Problem("line 1", f"there are two columns {head}") for head in set(heads) if heads.count(head) > 1]
    return problems


def _read_row(
    cells: Mapping[str, str], line: int, document: dict[str, list[dict[str, Any]]], problems: list[Problem]
) -> None:
    what = cells["what"].strip()
    if what not in WHAT:
        problems.append(Problem(f"line {line}, what", f"must be one of {', '.join(WHAT)}, not {what!r}"))
        return
    record: dict[str, Any] = {}
    for column, cell in cells.items():
        if column == "what" or not cell.strip():
            continue
        try:
            if column == "capabilities":
                record |= _read_capabilities(cell)
            else:
                record[column] = _READ.get(column, str.strip)(cell)
        except _CellInvalid as invalid:
            problems.append(Problem(f"line {line}, {column}", str(invalid)))
    document[WHAT[what]].append(record)


def _read_list(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(BETWEEN) if each.strip()]


def _read_capabilities(cell: str) -> dict[str, Any]:
    names, levels = [], {}
    for each in _read_list(cell):
        name, equals, level = (part.strip() for part in each.partition("="))
        if equals:
            levels[name] = _level(level)
        else:
            names.append(name)
    return {"capabilities": names, "levels": levels}


def _level(text: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _read_truth(cell: str) -> bool:
    found = _TRUTH.get(cell.strip().lower())
    if found is None:
        raise _CellInvalid(f"must be true or false, not {cell.strip()!r}")
    return found


def _read_number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise _CellInvalid(f"must be a number, not {cell.strip()!r}") from None


def _read_whole(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise _CellInvalid(f"must be a whole number, not {cell.strip()!r}") from None


def _read_json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError as error:
        raise _CellInvalid(f"is no JSON: {error}") from None


def _read_absences(cell: str) -> list[dict[str, str]]:
    absences = []
    for each in _read_list(cell):
        start, slash, rest = each.partition("/")
        end, _, reason = rest.partition("/")
        if not slash:
            raise _CellInvalid(f"must be from/until, each a moment like 2026-08-01T00:00:00Z, not {each!r}")
        absences.append({"start": start.strip(), "end": end.strip(), "reason": reason.strip()})
    return absences


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("roles", "positions", "groups", "privileges", "scale"), _read_list),
    "available": _read_truth,
    "absences": _read_absences,
    "hours": _read_json,
    "max_workload": _read_whole,
    "cost": _read_number,
    "notices": lambda cell: [] if cell.strip() == NOTHING else _read_list(cell),
}


# -- writing -------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _capabilities_cell(record: Mapping[str, Any]) -> str:
    levels = record.get("levels", {})
    plain = [name for name in record.get("capabilities", []) if name not in levels]
    return BETWEEN.join([*plain, *(f"{name}={level}" for name, level in levels.items())])


def _absences_cell(absences: list[dict[str, Any]]) -> str:
    parts = ([each["start"], each["end"], *([each["reason"]] if each.get("reason") else [])] for each in absences)
    return BETWEEN.join("/".join(part) for part in parts)


_WRITTEN: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("roles", "positions", "groups", "privileges", "scale"), BETWEEN.join),
    "available": lambda value: "true" if value else "false",
    "absences": _absences_cell,
    "hours": lambda value: json.dumps(value) if value is not None else "",
    "notices": lambda value: BETWEEN.join(value) or NOTHING,
}
