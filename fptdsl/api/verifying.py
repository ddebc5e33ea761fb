"""``verify``: whether two checkpoints compute the same function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .results import VerifyResult

Progress = Callable[[str, int, int], None]
"""Called with a phase (``verify``), the work done and its total."""


def verify(
    old_spec: str | Path,
    old_checkpoint: str | Path,
    new_spec: str | Path,
    new_checkpoint: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    new_settings: Mapping[str, Any] | None = None,
    probe: str | Path | None = None,
    certificate: bool = False,
    gradients: bool = False,
    progress: Progress | None = None,
) -> VerifyResult:
    """Compare two networks as functions, layer by layer in float64, on random inputs and on ``probe``.

    ``settings`` are parameters of the old spec, ``new_settings`` of the new one.  ``certificate``: check the
    law of growth on the two files as well; ``gradients``: look for parameters of the new network that do not learn.
    Where a receipt lies beside the new checkpoint, files that are not those of the receipt are warned of.

    Raises:
        FptError: a spec, a checkpoint or the probe is at fault, or the networks do not take the same inputs.
    """
    from ..proof.verify import verify as compare
    from .certifying import certify_files, probe_gradients, receipt_beside
    from .hashing import Hashing
    from .opening import dtype_of, facts, open_fitting
    from .reading import read_spec
    from .recorded import start

    old = read_spec(old_spec, settings=settings, checkpoint=old_checkpoint)
    new = read_spec(new_spec, settings=new_settings, checkpoint=new_checkpoint)
    with open_fitting(old_checkpoint, old) as before, open_fitting(new_checkpoint, new) as after, Hashing() as hashing:
        recorded = start(hashing, receipt_beside(after.path), before, after)  # beside what follows
        verdict = compare(
            old.graph, before, new.graph, after, file_dtype=dtype_of(after), probe=probe,
            progress=phase(progress, "verify"),
        )  # fmt: skip
        checkpoints = {"old": facts(before), "new": facts(after)}
        static = certify_files(old_spec, old, before, new, after).to_json() if certificate else None
        learning = probe_gradients(old_spec, old, new, after).to_json() if gradients else None
        receipt = recorded.to_json() if recorded is not None else None
        warnings = recorded.warnings() if recorded is not None else []
    return VerifyResult(
        {
            "schema": 1,
            "kind": "verify",
            "model": new.network.name,
            "checkpoints": checkpoints,
            "receipt": receipt,
            "certificate": static,
            "gradients": learning,
            "verification": verdict.to_json(),
            "warnings": warnings,
        }
    )


def phase(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    """The progress of one phase, for functions that do not know of phases."""
    if progress is None:
        return None
    return lambda done, total: progress(name, done, total)
