"""The receipt of a growth: enough to know what was made from what, how, and how well."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from .. import __version__


def receipt(document: Mapping[str, Any], spec_text: str, digests: tuple[str, str]) -> str:
    """JSON text; ``document`` is that of the apply, ``digests`` the BLAKE3 of the old and new checkpoint.

    ``seconds`` gives the wall time of each phase up to the publication.
    """
    old, new = digests
    outputs = document["outputs"]
    found = {
        "schema": 1,
        "kind": "receipt",
        "model": document["model"],
        "spec": {"path": document["given"]["spec"], "digest": document["spec"]},
        "grown_spec": {"path": outputs["spec"], "sha256": hashlib.sha256(spec_text.encode()).hexdigest()},
        "checkpoints": {
            "old": {**document["checkpoint"], "blake3": old},
            "new": {"path": outputs["checkpoint"], "blake3": new, "tensors": document["totals"]["tensors_after"]},
        },
        "seed": document["seed"],
        "given": document["given"],
        "exactness": document["exactness"],
        "steps": document["steps"],
        "totals": document["totals"],
        "skipped": document["skipped"],
        "warnings": document["warnings"],
        "certificate": document["certificate"],
        "gradients": document["gradients"],
        "verification": document["verification"],
        "calibration": document["calibration"],
        "seconds": document["seconds"],
        "versions": {"fptdsl": __version__, "python": platform.python_version(), **_libraries()},
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _libraries() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "numpy")}
