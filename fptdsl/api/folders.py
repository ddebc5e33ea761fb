"""Checkpoint folders: the configuration that a spec reads, and what a grown folder holds besides the weights."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..architecture.expressions import describe
from ..architecture.ops.refuse import REFUSED
from ..architecture.parameters import config_field
from ..diagnostics import Diagnostic, FptError, Span
from ..language import syntax
from ..resources import shipped_spec

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint, FolderCheckpoint
    from ..checkpoint.companions import Companions
    from ..checkpoint.config import Config
    from ..growth.plan import Plan
    from ..language import Document
    from .reading import Spec

SPEC = "growth.fpt"
RECEIPT = "growth.receipt.json"
ADAPTER = "adapter_config.json"
TYPE = "model_type"
"""The field that says which family a configuration is of; the specs that ship are named alike."""


def find_config(document: Document, settings: Mapping[str, Any], checkpoint: str | Path | None) -> Config | None:
    """The ``config.json`` of a checkpoint folder, or beside a checkpoint file whose spec asks for one.

    Raises ``FptError`` F450 to F453 where the model asks for fields that it does not have.
    """
    if checkpoint is None or document.model is None:
        return None
    from ..checkpoint import open_checkpoint
    from ..checkpoint.config import check_config, read_config

    path, model = Path(checkpoint), document.model
    folder = os.path.isdir(path)
    if not folder and not model.from_config:
        return None
    if not os.path.lexists(path):
        open_checkpoint(path).close()  # says what is wrong with the path, before a field is missed
    config = read_config(path if folder else path.parent)
    given = {*settings, *_given(document)}
    if config is not None and model.from_config:
        try:
            check_config(model, config, given)
        except FptError as fault:
            raise _with_spec(fault, model, config) from fault
    if config is None and model.from_config and folder:
        lost = [param for param in model.params if param.default is None and param.name not in given]
        if lost:
            message = f"`{path}` has no config.json, and model `{model.name}` reads `{lost[0].name}` from it"
            hint = "copy or download it too, or set the values: " + f"`--set {lost[0].name}=...`"
            if (path / ADAPTER).is_file():
                message = f"`{path}` holds an adapter (`{ADAPTER}`), not a model"
                hint = "merge it into its model first (`merge_and_unload` of peft), save that, and give its folder"
            raise FptError(Diagnostic("F450", message, lost[0].span, hint=hint, path=str(path)))
    return config


def _given(document: Document) -> list[str]:
    """The parameters that ``use ... as M(...)`` sets."""
    assert document.model is not None
    names = [param.name for param in document.model.params]
    positional = sum(argument.name is None for argument in document.model_args)
    return [*names[:positional], *(argument.name for argument in document.model_args if argument.name)]


def fields_asked(model: syntax.Model | None, config: Config | None) -> dict[str, Any]:
    """The fields that a model looks up."""
    if model is None or config is None or not model.from_config:
        return {}
    values = config.values
    found = {param.name: config_field(values, param.name) for param in model.params}
    return {name: field for name, field in found.items() if field is not None}


def named_fields(fault: FptError, model: syntax.Model | None, config: Config) -> FptError:
    """The fault, with the fields of the configuration that its places use told in the hints.

    A reason that the spec gives itself (``refuse``) is such a place too.
    """
    fields = fields_asked(model, config)
    told = FptError(*(_with_fields(item, fields, config) for item in fault.diagnostics))
    return _with_spec(told, model, config) if any(_names_type(item) for item in fault.diagnostics) else told


def _with_fields(item: Diagnostic, fields: Mapping[str, Any], config: Config) -> Diagnostic:
    import json
    import re

    words = set(re.findall(r"\w+", item.span.text)) if item.span is not None else set()
    if item.message.startswith(REFUSED):
        words.update(re.findall(r"\w+", item.message))
    told = ", ".join(f"`{name}` = {json.dumps(fields[name])[:60]}" for name in fields if name in words)
    if not told:
        return item
    hint = f"in `{config.path}`: {told}"
    return replace(item, hint=f"{item.hint}; {hint}" if item.hint else hint)


def with_deciding_fields(fault: FptError, read: Spec) -> FptError:
    """The fault, with the fields that a missing tensor's layer depends on (``if tied { ... } else { head: ... }``)."""
    model, config = read.document.model, read.config
    if model is None or config is None or not model.from_config:
        return fault
    told = [_with_deciding(item, model, read.network.frame.values, config) for item in fault.diagnostics]
    return FptError(*told, exit_status=fault.exit_status) if told != list(fault.diagnostics) else fault


def _with_deciding(item: Diagnostic, model: syntax.Model, values: Mapping[str, Any], config: Config) -> Diagnostic:
    from ..growth.respell.expressions import names_in

    test = _deciding(model.body, item.span) if item.code == "F440" and item.span is not None else None
    names = sorted(names_in(test) & values.keys()) if test is not None else []
    if not names:
        return item
    told = " and ".join(f"`{name}` = {describe(values[name])}" for name in names)
    hint = f"{told} in `{config.path}` decides that it is there"
    if any(config_field(config.values, name) is None for name in names):
        hint = f"{told}, which `{config.path}` does not have, decides that it is there"
    return replace(item, hint=f"{hint}; {item.hint}" if item.hint else hint)


def _deciding(body: Iterable[syntax.Stmt], span: Span) -> syntax.Expr | None:
    """The innermost test of an ``if`` of the model that the statement at ``span`` lies in."""
    for statement in body:
        if not isinstance(statement, syntax.If) or statement.span is None:
            continue
        around = statement.span
        if around.source is span.source and around.start <= span.start and span.end <= around.end:
            return _deciding((*statement.then, *(statement.otherwise or ())), span) or statement.test
    return None


def _names_type(item: Diagnostic) -> bool:
    return item.message.startswith(REFUSED) and TYPE in item.message


def _with_spec(fault: FptError, model: syntax.Model | None, config: Config) -> FptError:
    """The fault, with the spec that ships for the type of the configuration in its hints, where that is another."""
    name = f"hf/{config.values.get(TYPE)}"
    shipped = shipped_spec(name)
    if shipped is None:
        hint = f"`--set {TYPE}=...` with the type of this spec if it is the same architecture under another name"
        hints = [_joined(item, hint) if _names_type(item) else item.hint for item in fault.diagnostics]
        return FptError(*(replace(item, hint=hint) for item, hint in zip(fault.diagnostics, hints)))
    if model is not None and model.span is not None and model.span.source.name == str(shipped):
        return fault
    hint = f"the spec for its `{TYPE}` is `{name}`"
    return FptError(*(replace(item, hint=_joined(item, hint)) for item in fault.diagnostics))


def _joined(item: Diagnostic, hint: str) -> str:
    """``hint`` behind what is known of the fields; what to do about a missing one is of no use then."""
    return f"{item.hint}; {hint}" if item.hint and item.code != "F452" else hint


def companions(source: Checkpoint) -> Companions:
    """The files of a folder that are neither weights nor written anew."""
    from ..checkpoint import FolderCheckpoint
    from ..checkpoint.companions import find_companions
    from ..checkpoint.config import NAME

    assert isinstance(source, FolderCheckpoint)
    taken = {*source.files, source.layout.index, NAME, SPEC, RECEIPT}
    return find_companions(source.path, {name for name in taken if name is not None})


def config_change(read: Spec, plan: Plan, source: Checkpoint) -> tuple[dict[str, Any] | None, list[str]]:
    """What growing a folder does to its configuration, as a part of the plan's document, and warnings.

    None for a checkpoint without a configuration.  Raises ``FptError`` F351, F352 or F454.
    """
    from ..checkpoint import FolderCheckpoint
    from ..growth.config.fields import grown_config

    if not isinstance(source, FolderCheckpoint):
        return None, []
    warnings = list(companions(source).warnings()) if plan.steps else []
    config, model = read.config, read.document.model
    if config is None or model is None:
        return None, warnings
    fields: list[dict[str, Any]] = []
    if plan.steps:
        if not model.from_config:
            message = f"`{config.path}` would no longer fit: model `{model.name}` does not say which sizes it sets"
            hint = f"write `model {model.name} from config(...)` in the spec, or give the weights file instead"
            raise FptError(Diagnostic("F454", message, hint=hint, path=str(config.path)))
        values = config.values
        change = grown_config(
            read.document, read.network, plan.new, values, path=str(config.path), weights=_weights(source)
        )
        fields = [{"field": n, "old": values.get(n), "new": v} for n, v in change.values.items()]
        warnings += change.warnings
    return {"path": str(config.path), "fields": fields}, warnings


def is_configured(read: Spec, folder: bool) -> bool:
    """Whether what grows from a spec must be what the fields of the configuration in its folder say."""
    model = read.document.model
    return folder and read.config is not None and model is not None and model.from_config


def _weights(source: FolderCheckpoint) -> str:
    """What can be given in place of a folder."""
    if len(source.files) > 1:
        return "the weights as one file"
    return f"`{source.path / next(iter(source.files))}`"


def new_fields(config: Config | None, change: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of the grown configuration by name; none where there is no configuration."""
    values = {} if config is None else config.values
    return {**values, **{item["field"]: item["new"] for item in (change or {"fields": []})["fields"]}}


def write_companions(target: Path, source: Checkpoint, config: Config | None, change: Mapping[str, Any] | None) -> None:
    """Write the new ``config.json`` and copy all other files into the folder ``target``."""
    from ..checkpoint.companions import copy_companions
    from ..checkpoint.config import NAME

    if config is not None and change is not None:
        text = config.rewritten({item["field"]: item["new"] for item in change["fields"]})
        (target / NAME).write_text(text, encoding="utf-8", newline="")
    copy_companions(source.path, companions(source), target)
