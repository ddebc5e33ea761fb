"""Values of parameters: of the model (defaults, ``use``, settings, a config) and of a called block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..diagnostics import Span, did_you_mean
from ..language import syntax
from .binding import bind
from .expressions import LARGEST, POISON, evaluate
from .faults import Faults


def block_values(
    block: syntax.Block, call: syntax.Apply, names: Mapping[str, Any], faults: Faults
) -> dict[str, Any] | None:
    """The parameters of a called block; None after a fault of form (unknown, missing, twice)."""
    bound = bind(block.name, call.args, [param.name for param in block.params], names, faults)
    if bound is None:
        return None
    values: dict[str, Any] = {}
    missing = []
    for param in block.params:
        if param.name in bound[0]:
            values[param.name] = bound[0][param.name]
        elif param.default is not None:
            values[param.name] = evaluate(param.default, values, faults)
        else:
            values[param.name] = POISON
            missing.append(f"`{param.name}`")
    if missing:
        faults.add("F216", f"`{block.name}` needs {' and '.join(missing)}", call.op_span or call.span)
        return None
    return values


def model_values(
    model: syntax.Model,
    args: tuple[syntax.Argument, ...],
    settings: Mapping[str, Any],
    config: Mapping[str, Any],
    faults: Faults,
) -> dict[str, Any]:
    """The model's parameters: a setting, else the argument of ``use``, else the config's, else the default."""
    params = [param.name for param in model.params]
    bound = bind(model.name, args, params, {}, faults)
    used = bound[0] if bound is not None else {}
    for name in settings:
        if name not in params:
            listed = "its parameters: " + ", ".join(f"`{p}`" for p in params) if params else "it has no parameters"
            hint = did_you_mean(name, params) or listed
            faults.add("F230", f"model `{model.name}` has no parameter `{name}`", None, hint=hint)
    values: dict[str, Any] = {}
    for param in model.params:
        values[param.name] = _model_value(param, model, used, settings, config, values, faults)
    return values


def _model_value(
    param: syntax.Param,
    model: syntax.Model,
    used: Mapping[str, Any],
    settings: Mapping[str, Any],
    config: Mapping[str, Any],
    earlier: Mapping[str, Any],
    faults: Faults,
) -> Any:
    name = param.name
    if name in settings:
        return _checked(settings[name], name, param.span, faults)
    if name in used:
        return used[name]
    field = config_field(config, name) if model.from_config else None
    if field is not None:
        return _checked(field, name, param.span, faults)
    if param.default is not None:
        return evaluate(param.default, earlier, faults)
    hint = f'give it a default, or set it: `--set {name}=...`, or `use "..." as {model.name}({name}=...)`'
    if model.from_config:
        hint = f"it is read from config.json; without one give it a default or `--set {name}=...`"
    faults.add("F231", f"parameter `{name}` of model `{model.name}` has no value", param.span, hint=hint)
    return POISON


def config_field(config: Mapping[str, Any], name: str) -> Any:
    """The field of a ``config.json`` that a parameter's name means; None where there is none, or a list of nothing.

    A field inside a table is called ``table__field`` and, where no field outside has that name, ``field`` alone
    (``rope_theta`` in ``rope_parameters``).  ``table__count`` is how many fields a table has (``id2label__count``),
    and ``field__null`` is true for a field that is there and null: a class may take that as something else than none.
    """
    if config.get(name) not in (None, [], ()):
        return config[name]
    table, _, last = name.rpartition("__")
    if last == "null" and table in config and config[table] is None:
        return True
    counted = 0
    for key, field in _fields(config, ""):
        if field not in (None, [], ()) and (key == name or key.endswith(f"__{name}")):
            return field
        counted += key.startswith(f"{table}__")
    return counted if table and last == "count" and counted else None


def _fields(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """All fields that are no tables, by their whole names."""
    for name, field in config.items():
        if isinstance(field, Mapping):
            yield from _fields(field, f"{prefix}{name}__")
        else:
            yield f"{prefix}{name}", field


def _checked(value: Any, name: str, span: Span | None, faults: Faults) -> Any:
    """A value from outside the file, held to the kinds and sizes that a spec can write."""
    if isinstance(value, (list, tuple)):
        return tuple(_checked(item, name, span, faults) for item in value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)) and abs(value) < LARGEST:
        return value
    faults.add("F211", f"`{name}` cannot be set to {value!r:.60}", span, hint="a number, a string, true, false or none")
    return POISON
