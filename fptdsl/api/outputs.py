"""Where a growth writes its three files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import Diagnostic, FptError
from .folders import RECEIPT, SPEC

EXTENSIONS = (".pt", ".pth", ".th", ".bin", ".ckpt", ".safetensors")


@dataclass(frozen=True)
class Outputs:
    """The grown checkpoint, its spec and its receipt; siblings."""

    checkpoint: Path
    spec: Path
    receipt: Path

    def to_json(self) -> dict[str, str]:
        return {"checkpoint": str(self.checkpoint), "spec": str(self.spec), "receipt": str(self.receipt)}


def outputs_for(checkpoint: Path, out: Path | None) -> Outputs:
    """``NAME.grown.EXT`` beside the input unless ``out`` is given; spec and receipt beside that, or in a folder."""
    if os.path.isdir(checkpoint):
        return _inside(checkpoint, out)
    target = out if out is not None else checkpoint.with_name(f"{_stem(checkpoint)}.grown{_extension(checkpoint)}")
    if not target.name:  # "", "." and "/"
        message = f"the output `{target}` is a folder"
        raise FptError(Diagnostic("F602", message, path=str(target), hint="give the name of a file with -o"))
    stem = _stem(target)
    return Outputs(target, target.with_name(f"{stem}.fpt"), target.with_name(f"{stem}.receipt.json"))


def _inside(checkpoint: Path, out: Path | None) -> Outputs:
    """A folder, with the spec and the receipt in it."""
    named = checkpoint if checkpoint.name not in ("", "..") else Path(os.path.abspath(checkpoint))
    target = out if out is not None else named.with_name(f"{named.name}.grown")
    if target.suffix.lower() in (*EXTENSIONS, ".fpt", ".json"):
        message = f"the input is a folder, and so is the output, but {target.name} has the extension of a file"
        raise FptError(Diagnostic("F653", message, path=str(target), hint=f"name it {target.stem}"))
    return Outputs(target, target / SPEC, target / RECEIPT)


def _extension(path: Path) -> str:
    return path.suffix if path.suffix.lower() in EXTENSIONS else ""


def _stem(path: Path) -> str:
    extension = _extension(path)
    return path.name[: -len(extension)] if extension else path.name


def check_container(target: Path, container: str) -> None:
    """Refuse the name of a file that says another container than the input's, in which it is written."""
    is_safetensors = container == "safetensors"
    says = target.suffix.lower()
    fits = says == ".safetensors" if is_safetensors else says != ".safetensors"
    if (fits or (is_safetensors and not _extension(target))) and says not in (".fpt", ".json"):
        return
    kind = "a safetensors file" if is_safetensors else "a torch file"
    wanted = ".safetensors" if is_safetensors else ".pt"
    raise FptError(
        Diagnostic(
            "F653",
            f"the input is {kind}, and so is the output, but {target.name} has the extension of another kind",
            path=str(target),
            hint=f"name it {target.stem}{wanted}{_more(says)}",
        )
    )


def _more(extension: str) -> str:
    """What a name that belongs to a file beside the checkpoint leads to."""
    beside = {".fpt": "the spec of the grown network", ".json": "the receipt"}.get(extension)
    return f"; {beside} is written beside it" if beside else ""


def check_spec_is_ours(outputs: Outputs) -> None:
    """Refuse to replace a spec that no growth wrote, or that was edited since (F608).

    A grown spec is one whose SHA-256 is in the receipt beside it.  A checkpoint can be made again; what somebody
    wrote by hand cannot.
    """
    if not os.path.lexists(outputs.spec) or _sha256(outputs.spec) in _recorded(outputs.receipt):
        return
    message = f"the grown spec would replace `{outputs.spec}`, which no growth wrote, or which was edited since"
    hint = "choose another name with -o, or move that spec away; --force replaces outputs, never other specs"
    raise FptError(Diagnostic("F608", message, path=str(outputs.spec), hint=hint))


def _sha256(spec: Path) -> str | None:
    return hashlib.sha256(spec.read_bytes()).hexdigest() if spec.is_file() else None


def _recorded(receipt: Path) -> tuple[str, ...]:
    """The digest of the grown spec in a receipt; none where that is no receipt."""
    try:
        found = json.loads(receipt.read_bytes())
        return (found["grown_spec"]["sha256"],)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
