"""The data files of the package: the grammar and the specs that ship with it.

In an installed package they lie inside it (``fptdsl/grammar``, ``fptdsl/specs``); in a checkout or an
editable install beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def folder(name: str) -> Path:
    """The folder ``grammar`` or ``specs``.

    Raises FileNotFoundError when the installation is damaged.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {name!r} is missing from the installation of fptdsl at {_PACKAGE}")


def grammar_text() -> str:
    """The Lark grammar of the language."""
    return (folder("grammar") / "fpt.lark").read_text(encoding="utf-8")


def shipped_spec(name: str) -> Path | None:
    """The spec that ships under ``name`` (``resnet_cifar``, ``hf/llama``), or None."""
    return shipped_specs().get(name.removesuffix(".fpt"))


def shipped_specs() -> dict[str, Path]:
    """All specs that ship with the package, by name, in alphabetical order."""
    root = folder("specs")
    paths = sorted(root.rglob("*.fpt"))
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}
