"""Flattens the schema's records into rows of numbers and builds them again.

Every number, flag, enumeration and text of a record becomes one column, named by its path (``ego/pose/x``); names,
kinds, units and meanings are read from `recorder.schema` itself, so a field added there is recorded with no change
here. Lists, pictures and arrays are no columns: `recorder.layout.codec` lays them out.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder import schema

XYZ = ("x", "y", "z")
WEATHER = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "wetness",
    "fog_falloff",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
)
"""Names of `Tick.weather`, in CARLA's order."""

_UNITS = {
    "_mps": "m/s",
    "_mps2": "m/s^2",
    "_radps": "rad/s",
    "_rad": "rad",
    "_s": "s",
    "_m": "m",
}
_POSE_UNITS = {"x": "m", "y": "m", "z": "m", "roll": "rad", "pitch": "rad", "yaw": "rad"}


class Kind(enum.StrEnum):
    """How the float64 in a column is to be read."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    ENUM = "enum"
    """Index into the column's `names`."""
    TEXT = "text"
    """Row of the `strings` array."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind
    unit: str = ""
    meaning: str = ""
    names: tuple[str, ...] = ()
    get: Callable[[Any], Any] = attrgetter("__class__")

    def described(self) -> dict[str, Any]:
        """What a reader without this code needs to know of the column, as JSON."""
        entry: dict[str, Any] = {
            "name": self.name,
            "kind": str(self.kind),
            "unit": self.unit,
            "meaning": self.meaning,
        }
        if self.kind is Kind.ENUM:
            entry["names"] = list(self.names)
        return entry


@cache
def _field_docs() -> dict[tuple[str, str], str]:
    """The schema's own words: (class, field) to the string under the field, or the class's first line."""
    docs: dict[tuple[str, str], str] = {}
    for cls in ast.parse(inspect.getsource(schema)).body:
        if not isinstance(cls, ast.ClassDef):
            continue
        title = (ast.get_docstring(cls) or "").split("\n")[0]
        for node, after in zip(cls.body, [*cls.body[1:], None], strict=True):
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            has_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            text = str(after.value.value) if has_text else title  # type: ignore[union-attr]
            docs[cls.name, node.target.id] = " ".join(text.split())
    return docs


def unit_of(cls: type, field: str) -> str:
    """The unit a field's name carries: ``speed_mps`` is in m/s."""
    if cls is schema.Pose:
        return _POSE_UNITS[field]
    fits = [unit for suffix, unit in _UNITS.items() if field.endswith(suffix)]
    return fits[0] if fits else ""


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _optional(hint: Any) -> Any:
    """X of ``X | None``; None for anything else."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        return rest[0]
    return None


_SCALARS = {float: Kind.FLOAT, int: Kind.INT, bool: Kind.BOOL, str: Kind.TEXT}


@cache
def columns_of(cls: type, skip: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Columns of a dataclass of the schema; fields that are lists, arrays or named in `skip` are left out."""
    return tuple(_walk(cls, "", lambda record: record, frozenset(skip)))


def _walk(cls: type, prefix: str, get: Callable[[Any], Any], skip: frozenset[str]) -> list[Column]:
    columns: list[Column] = []
    hints = _hints(cls)
    for field in dataclasses.fields(cls):
        name = prefix + field.name
        if name not in skip:
            columns += _field_columns(cls, field.name, name, hints[field.name], _then(get, field.name), skip)
    return columns


def _then(get: Callable[[Any], Any], field: str) -> Callable[[Any], Any]:
    def follow(record: Any) -> Any:
        owner = get(record)
        return None if owner is None else getattr(owner, field)

    return follow


def _item(get: Callable[[Any], Any], index: int) -> Callable[[Any], Any]:
    def follow(record: Any) -> Any:
        values = get(record)
        return values[index] if values is not None and index < len(values) else float("nan")

    return follow


def _field_columns(
    cls: type, field: str, name: str, hint: Any, get: Callable[[Any], Any], skip: frozenset[str]
) -> list[Column]:
    unit, meaning = unit_of(cls, field), _field_docs().get((cls.__name__, field), "")
    if hint in _SCALARS:
        return [Column(name, _SCALARS[hint], unit, meaning, get=get)]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [Column(name, Kind.ENUM, unit, meaning, tuple(member.value for member in hint), get)]
    if dataclasses.is_dataclass(hint):
        return _walk(typing.cast(type, hint), name + "/", get, skip)
    inner = _optional(hint)
    if isinstance(inner, type) and issubclass(inner, enum.Enum):  # none is NaN
        return [Column(name, Kind.ENUM, unit, meaning, tuple(member.value for member in inner), get)]
    if inner is not None and dataclasses.is_dataclass(inner):
        present = Column(
            name + "/present",
            Kind.BOOL,
            "",
            f"0 when there was none. {meaning}",
            get=lambda record: get(record) is not None,
        )
        return [present, *_walk(typing.cast(type, inner), name + "/", get, skip)]
    if hint == tuple[float, float, float]:
        return [Column(f"{name}/{axis}", Kind.FLOAT, unit, meaning, get=_item(get, i)) for i, axis in enumerate(XYZ)]
    if hint == tuple[float, ...]:
        count = Column(
            f"{name}/count",
            Kind.INT,
            "",
            f"How many of these are meant. {meaning}",
            get=lambda record: len(get(record)),
        )
        values = [
            Column(f"{name}/{part}", Kind.FLOAT, unit, meaning, get=_item(get, i)) for i, part in enumerate(WEATHER)
        ]
        return [count, *values]
    raise TypeError(f"{cls.__name__}.{field} is a {hint}: recorder.columns cannot lay it out; skip it or teach it")


def row_of(columns: Sequence[Column], record: Any, text: Callable[[str], int]) -> list[float]:
    """One record as numbers in the columns' order; `text` gives the row of a string in the `strings` array."""
    row: list[float] = []
    for column in columns:
        value = column.get(record)
        if value is None:
            row.append(float("nan"))
        elif column.kind is Kind.TEXT:
            row.append(text(value))
        elif column.kind is Kind.ENUM:
            row.append(column.names.index(value))
        else:
            row.append(float(value))
    return row


class Table:
    """Rows of records read back: columns by name, with texts and enumerations still as numbers."""

    def __init__(
        self, values: NDArray[np.float64], described: Sequence[Mapping[str, Any]], strings: Sequence[str]
    ) -> None:
        if values.ndim != 2 or values.shape[1] != len(described):
            raise ValueError(f"a table of shape {values.shape} has {len(described)} columns described")
        self._values = values
        self._columns = {str(column["name"]): (index, column) for index, column in enumerate(described)}
        self._strings = strings
        self.described = described
        """The columns' names, kinds, units and meanings, in order."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    @property
    def values(self) -> NDArray[np.float64]:
        """(rows, columns) as stored."""
        return self._values

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._columns)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as stored."""
        return self._values[:, self._columns[name][0]]

    def value(self, name: str, row: int) -> Any:
        """One cell in its own type; enumerations as the name they were recorded under."""
        index, column = self._columns[name]
        return self._typed(float(self._values[row, index]), column)

    def column(self, name: str) -> NDArray[Any]:
        """A whole column in its own type: floats, int64, bool, or objects for texts and enumerations."""
        index, column = self._columns[name]
        numbers, kind = self._values[:, index], column["kind"]
        if kind == Kind.FLOAT:
            return numbers
        if kind == Kind.INT:
            return numbers.astype(np.int64)
        if kind == Kind.BOOL:
            return numbers == 1.0
        values = np.empty(len(numbers), object)
        values[:] = [self._typed(number, column) for number in numbers]
        return values

    def _typed(self, number: float, column: Mapping[str, Any]) -> Any:
        kind = column["kind"]
        if kind == Kind.FLOAT:
            return number
        if number != number:
            return None
        if kind == Kind.BOOL:
            return number == 1.0
        if kind == Kind.INT:
            return int(number)
        if number < 0:
            raise IndexError(f"column {column['name']} holds {number}, and rows of strings and names begin at 0")
        return column["names"][int(number)] if kind == Kind.ENUM else str(self._strings[int(number)])

    def record(self, cls: type, row: int, prefix: str = "", **given: Any) -> Any:
        """The dataclass `cls` from one row; `given` are the fields that are no columns.

        A field with no column (a recording older than the field) takes the schema's default.
        """
        hints = _hints(cls)
        values = dict(given)
        for field in dataclasses.fields(cls):
            if field.name in given:
                continue
            value = self._field(hints[field.name], prefix + field.name, row)
            if value is not _ABSENT:
                values[field.name] = value
        return cls(**values)

    def _field(self, hint: Any, name: str, row: int) -> Any:
        if name in self._columns:
            value = self.value(name, row)
            kind = _optional(hint) or hint
            is_name = value is not None and isinstance(kind, type) and issubclass(kind, enum.Enum)
            return kind(value) if is_name else value
        if dataclasses.is_dataclass(hint):
            return self.record(typing.cast(type, hint), row, name + "/")
        inner = _optional(hint)
        if inner is not None and name + "/present" in self._columns:
            return self.record(inner, row, name + "/") if self.value(name + "/present", row) else None
        if hint == tuple[float, float, float] and f"{name}/x" in self._columns:
            return tuple(self.value(f"{name}/{axis}", row) for axis in XYZ)
        if hint == tuple[float, ...] and f"{name}/count" in self._columns:
            return tuple(self.value(f"{name}/{part}", row) for part in WEATHER[: self.value(f"{name}/count", row)])
        return _ABSENT


_ABSENT = object()
