"""The parts of the package import only those below them (docs/architecture.md), and reading is never executing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "fptdsl"

LAYERS = [
    "resources", "diagnostics", "language", "architecture", "growth", "checkpoint", "modules", "proof", "views", "api",
    "cli",
]  # fmt: skip
"""From the bottom to the top; a part may import itself and what comes before it."""

FREE_OF_TORCH = ["resources", "diagnostics", "language", "architecture", "growth", "views", "cli"]
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def part_of(file: Path) -> str:
    relative = file.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, absolute, with their lines."""
    package = ["fptdsl", *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [*base, *(node.module.split(".") if node.module else [])]
            if names == ["fptdsl"]:
                yield from ((f"fptdsl.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield ".".join(names), node.lineno


def files() -> list[Path]:
    found = [file for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE or file.stem == "resources"]
    assert len(found) > 50
    return found


def test_arrows_go_down_only() -> None:
    wrong = []
    for file in files():
        allowed = LAYERS[: LAYERS.index(part_of(file)) + 1]
        for name, line in imports(file):
            parts = name.split(".")
            if parts[0] == "fptdsl" and len(parts) > 1 and parts[1] in LAYERS and parts[1] not in allowed:
                wrong.append(f"{file.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_parts_without_torch_do_not_import_it() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)}:{line}"
        for file in files()
        if part_of(file) in FREE_OF_TORCH
        for name, line in imports(file)
        if name.split(".")[0] == "torch"
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_in_a_file_can_run() -> None:
    """No evaluation of text, and no pickle but through ``weights_only=True``."""
    wrong = []
    for file in files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            unsafe = called == "torch.load" and keywords.get("weights_only") != "True"
            unsafe |= called == "np.load" and keywords.get("allow_pickle", "False") != "False"
            if called in FORBIDDEN_CALLS or called.startswith(("pickle.load", "marshal.")) or unsafe:
                wrong.append(f"{file.relative_to(PACKAGE)}:{node.lineno} {called}")
    assert not wrong, "\n".join(wrong)
