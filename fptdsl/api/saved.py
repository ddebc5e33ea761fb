"""Saved plans: writing them, reading them, and noticing that they no longer fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, FptError
from ..growth.plan import SCHEMA
from .results import StalePlan

LIMIT = 1 << 30
"""Bytes; a larger file is not a plan."""


def save_plan(document: Mapping[str, Any], out: Path, *, inputs: Sequence[Path], force: bool) -> None:
    """Write a plan's document; the file is there complete or not at all."""
    from ..checkpoint import write_text

    write_text(out, json.dumps(document, indent=2, allow_nan=False) + "\n", inputs=inputs, force=force)


def read_plan(path: str | Path) -> dict[str, Any]:
    """The document of a saved plan; ``FptError`` (F650) where the file is none."""
    path = Path(path)
    try:
        if path.stat().st_size > LIMIT:
            raise _unreadable(path, "is too large for a plan")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "is not JSON") from error
    if not isinstance(document, dict) or document.get("kind") != "plan" or not _is_given(document.get("given")):
        raise _unreadable(path, "is not a plan")
    if document.get("schema") != SCHEMA:
        raise _unreadable(path, f"has the schema {document.get('schema')!r}, this version reads {SCHEMA}")
    if not isinstance(document.get("seed"), int):
        raise _unreadable(path, "has no seed")
    return document


def _is_given(given: object) -> bool:
    if not isinstance(given, dict):
        return False
    grow = given.get("grow")
    return (
        isinstance(grow, list)
        and all(isinstance(text, str) for text in grow)
        and isinstance(given.get("settings"), dict)
        and isinstance(given.get("model"), (str, type(None)))
    )


def _unreadable(path: Path, what: str) -> FptError:
    return FptError(
        Diagnostic("F650", f"{path} {what}", path=str(path), hint="plans are written by `fptdsl plan --out FILE`")
    )


def check_fits(saved: Mapping[str, Any], fresh: Mapping[str, Any], path: str | Path) -> None:
    """Raise :class:`StalePlan` (F651, exit status 4) where a plan made now differs from the saved one."""
    reasons = list(_reasons(saved, fresh))
    if reasons:
        raise StalePlan(
            Diagnostic(
                "F651",
                f"the plan no longer fits: {'; '.join(reasons)}",
                path=str(path),
                hint="look at the new plan with `fptdsl plan`, and save it again with --out",
            )
        )


def _reasons(saved: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    old, new = saved.get("checkpoint"), fresh.get("checkpoint")
    reasons = []
    if isinstance(old, dict) and isinstance(new, dict) and old.get("signature") != new["signature"]:
        reasons.append("the checkpoint has other tensors, shapes or dtypes")
    if saved.get("spec") != fresh["spec"]:
        reasons.append("the spec or its directives have changed")
    elif any(saved.get(part) != fresh[part] for part in ("steps", "tensors", "spaces", "exactness")):
        reasons.append("the same spec is planned differently now (the file or fptdsl has changed)")
    return reasons


def settle(
    saved: Mapping[str, Any],
    path: str | Path,
    *,
    model: str | Path | None,
    grow: Sequence[str],
    settings: Mapping[str, Any] | None,
    seed: int | None,
) -> tuple[str | Path | None, Sequence[str], Mapping[str, Any], int]:
    """Model, directives, settings and seed of a saved plan; giving others beside it is a fault (F652)."""
    given = saved["given"]
    other = [
        option
        for option, here, there in (
            ("--grow", list(grow), given["grow"]),
            ("--set", dict(settings or {}), given["settings"]),
            ("--seed", seed, saved["seed"]),
        )
        if here not in (None, [], {}) and here != there
    ]
    if other:
        raise FptError(
            Diagnostic(
                "F652",
                f"{' and '.join(other)} given, but the plan was made with other values",
                path=str(path),
                hint="leave the option away to apply the plan as it is, or make a new plan",
            )
        )
    return model or given["model"], given["grow"], given["settings"], saved["seed"]
