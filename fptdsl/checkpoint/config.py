"""``config.json`` of a checkpoint folder: the values of a spec's parameters, and new values written back.

A name is looked up at the top of the file; ``rope_parameters__rope_theta`` is the field ``rope_theta`` inside the
table ``rope_parameters``.  What no spec asks for is never looked at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ..diagnostics import Diagnostic, Diagnostics, FptError, did_you_mean
from ..language import syntax
from .json_text import Place, edit_json
from .open_files import raise_limit

NAME = "config.json"
MAX_CONFIG = 1 << 26
"""Bytes."""
INSIDE = "__"
"""Between the name of a table and that of a field in it."""


@dataclass(frozen=True)
class Config:
    """A ``config.json`` that has been read; ``text`` as it is written, ``fields`` as it is meant."""

    path: Path
    text: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """Each field by its name, the fields of tables as ``table__field``; without the tables, nulls as ``None``."""
        found: dict[str, Any] = {}
        _flatten(self.fields, "", found)
        return found

    def rewritten(self, changes: Mapping[str, Any]) -> str:
        """The text with new values by name, and otherwise as it was; a new name comes to its table's end."""
        return edit_json(self.text, {self._place(name): value for name, value in changes.items()})

    def _place(self, name: str) -> Place:
        """The keys that lead to a field: those of a table that is there, else the name itself."""
        place: list[str] = []
        table: Any = self.fields
        while isinstance(table, Mapping) and name not in table:
            fitting = [k for k, v in table.items() if isinstance(v, Mapping) and name.startswith(k + INSIDE)]
            if not fitting:
                break
            key = max(fitting, key=len)
            place.append(key)
            table, name = table[key], name[len(key) + len(INSIDE) :]
        return (*place, name)


def _flatten(table: Mapping[str, Any], prefix: str, found: dict[str, Any]) -> None:
    for name, value in table.items():
        if isinstance(value, Mapping):
            _flatten(value, f"{prefix}{name}{INSIDE}", found)
        else:
            found[prefix + name] = value


def read_config(folder: Path) -> Config | None:
    """The configuration in a folder; None where there is none.

    Raises ``FptError``: F402 unreadable, F451 not JSON or not a table.
    """
    path = folder / NAME
    try:
        if path.stat().st_size > MAX_CONFIG:
            _invalid(path, f"it has more than {MAX_CONFIG} bytes")
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"`{path}` cannot be read: {error.strerror}"
        hint = raise_limit(error) or "check its permissions"
        raise FptError(Diagnostic("F402", message, hint=hint, path=str(path))) from error
    except UnicodeDecodeError:
        _invalid(path, "it is not text")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        _invalid(path, f"it is not JSON ({error})" if isinstance(error, ValueError) else "it is nested too deep")
    if not isinstance(fields, dict):
        _invalid(path, f"it holds {_kind(fields)}, not a table of fields")
    return Config(path, text, fields)


def _invalid(path: Path, reason: str) -> NoReturn:
    message = f"`{path}` is not a configuration: {reason}"
    raise FptError(Diagnostic("F451", message, hint="copy or download it again", path=str(path)))


def check_config(model: syntax.Model, config: Config, given: Collection[str]) -> None:
    """Whether ``config`` can supply the parameters of a ``model ... from config``.

    ``given`` are the parameters set in another way.  Raises ``FptError`` with all faults: F452 for a field that is
    missing and has no default, F453 for one that is no number, text, truth value or list of them.
    """
    found = Diagnostics()
    values = {name: value for name, value in config.values.items() if value not in (None, [])}
    unasked = values.keys() - {param.name for param in model.params}
    for param in model.params:
        if param.name in given:
            continue
        inside = {name for name in values if name.startswith(param.name + INSIDE)}
        if inside:
            names = ", ".join(f"`{name}`" for name in sorted(inside)[:3])
            hint = f"ask for what is in it: {names}"
            found.add("F453", f"`{param.name}` is a table in `{config.path}`", param.span, hint=hint)
        elif param.name not in values and param.default is None:
            hint = did_you_mean(param.name, unasked) or f"set it with `--set {param.name}=...`, or give it a default"
            message = f"`{config.path}` has no `{param.name}`, which model `{model.name}` needs"
            found.add("F452", message, param.span, hint=hint)
        elif param.name in values:
            _check_kind(param, values[param.name], config, found)
    found.check()


def _check_kind(param: syntax.Param, value: Any, config: Config, found: Diagnostics) -> None:
    """A value must be of the kind of the default written in the spec, where that shows one."""
    wanted = _kind(param.default.value) if isinstance(param.default, syntax.Literal_) else None
    hint = f"the spec has `{param.name}` as {wanted}: is it the spec of this model?"
    if _has_table(value):
        hint = "a spec can use numbers, texts, truth values and lists of them"
    elif wanted in (None, "null") or wanted == _kind(value):
        return
    elif isinstance(value, list) and wanted == "a number":
        hint = f"one number is described for `{param.name}`, not one for each axis"
        if value and all(each == value[0] for each in value):
            hint += f": they are the same, so `--set {param.name}={value[0]}`"
    message = f"`{param.name}` is {_kind(value)} ({json.dumps(value)[:60]}) in `{config.path}`"
    found.add("F453", message, param.span, hint=hint)


def _has_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_has_table, value)))


def _kind(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a table"
