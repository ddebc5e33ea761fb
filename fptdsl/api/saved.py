"""Saved plans: writing them, reading them, and noticing that they no longer fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, FptError
from ..growth.plan import SCHEMA
from .reading import Spec
from .results import StalePlan

LIMIT = 1 << 30
"""Bytes; a larger file is not a plan."""


def save_plan(document: Mapping[str, Any], out: Path, *, inputs: Sequence[Path], force: bool) -> None:
    """Write a plan's document; the file is there complete or not at all."""
    from ..checkpoint import write_text

    write_text(out, json.dumps(document, indent=2, allow_nan=False) + "\n", inputs=inputs, force=force)


def is_plan(path: Path) -> bool:
    """Whether a file is a plan that was saved."""
    try:
        read_plan(path)
    except FptError:
        return False
    return True


@dataclass(frozen=True)
class SavedPlan:
    """A plan as it was saved; the checks raise :class:`StalePlan` (F651, exit status 4)."""

    path: Path
    document: Mapping[str, Any]

    def given(
        self,
        *,
        model: str | Path | None,
        grow: Sequence[str],
        settings: Mapping[str, Any] | None,
        seed: int | None,
    ) -> tuple[str | Path | None, Sequence[str], Mapping[str, Any], int]:
        """Model, directives, settings and seed of the plan; giving others beside it is a fault (F652)."""
        given = self.document["given"]
        other = [
            option
            for option, here, there in (
                ("--grow", list(grow), given["grow"]),
                ("--set", dict(settings or {}), given["settings"]),
                ("--seed", seed, self.document["seed"]),
            )
            if here not in (None, [], {}) and here != there
        ]
        if other:
            raise FptError(
                Diagnostic(
                    "F652",
                    f"{' and '.join(other)} given, but the plan was made with other values",
                    path=str(self.path),
                    hint="leave the option away to apply the plan as it is, or make a new plan",
                )
            )
        return model or given["model"], given["grow"], given["settings"], self.document["seed"]

    def data(self, calibrate: str | Path | None) -> str | Path | None:
        """The calibration data of the plan; that it has changed since makes the plan stale."""
        from .calibrating import facts_of_data

        known = self.document["given"].get("calibrate")
        path = calibrate if calibrate is not None else known["path"] if isinstance(known, dict) else None
        if path is not None and facts_of_data(path)["calibrate"]["sha256"] != (known or {}).get("sha256"):
            raise self._stale("the calibration data is not that of the plan")
        return path

    def check_spec(self, read: Spec) -> None:
        """Whether the spec and its directives still say the same."""
        from ..growth.digest import spec_digest

        if self.document.get("spec") != spec_digest(read.network, read.document.grows):
            parts = "the spec or its directives" if read.config is None else "the spec, its directives or config.json"
            raise self._stale(f"{parts} have changed")

    def check_checkpoint(self, signature: str) -> None:
        """Whether the checkpoint has the tensors that the plan was made for (if it was made for any)."""
        known = self.document.get("checkpoint")
        if isinstance(known, dict) and known.get("signature") != signature:
            raise self._stale("the checkpoint has other tensors, shapes or dtypes")

    def check_plan(self, fresh: Mapping[str, Any]) -> None:
        """Whether a plan made now is the saved one."""
        if any(self.document.get(part) != fresh[part] for part in ("steps", "tensors", "spaces", "exactness")):
            raise self._stale("the same spec is planned differently now (the file or fptdsl has changed)")

    def _stale(self, reason: str) -> StalePlan:
        hint = "look at the new plan with `fptdsl plan`, and save it again with --out"
        return StalePlan(Diagnostic("F651", f"the plan no longer fits: {reason}", path=str(self.path), hint=hint))


def read_plan(path: str | Path) -> SavedPlan:
    """Read a saved plan; ``FptError`` (F650) where the file is none."""
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
    return SavedPlan(path, document)


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
