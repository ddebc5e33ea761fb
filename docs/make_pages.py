"""Write the pages that say again what is said elsewhere: diagnostics.md, operations.md, specs/README.md, methods.md.

python docs/make_pages.py            # write the pages
python docs/make_pages.py --check    # exit with 1 when one is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fptdsl.architecture.ops import OPERATIONS, Operation
from fptdsl.diagnostics import CODES
from fptdsl.language import load
from fptdsl.resources import shipped_specs

FOLDER = Path(__file__).resolve().parent

MADE = "<!-- Made by docs/make_pages.py. Do not edit by hand. -->"

AREAS = {
    "1": ("The language", "The text of a `.fpt` file, or of `--grow`, cannot be read or resolved."),
    "2": ("The architecture", "The text is well formed, but it does not describe a network."),
    "3": ("The growth", "The directives cannot be planned as written."),
    "4": ("The checkpoint", "The file cannot be read, or does not fit the spec."),
    "5": ("The proof", "The two networks are not the same function, or that cannot be shown."),
    "6": ("Files and command line", "A path cannot be read or must not be written."),
}

DIAGNOSTICS = f"""\
# Diagnostics

{MADE}

Every fault that a user can cause is reported with a code that does not change between versions, the place (file,
line, column, the source line with the place underlined), what is wrong, and what to do. All faults of a file are
reported in one run. With `--json` the same facts are under `diagnostics`.

The first digit says which part found the fault.
"""

OPERATIONS_HEAD = f"""\
# Operations

{MADE}

Names are those of `torch.nn` in lower case; arguments have torch's names, order and defaults, without the input size,
which is inferred. An argument without a default is required. How operations are wired is in [language.md](language.md).

| operation | takes | what it is |
|---|---|---|
"""


SPECS_HEAD = f"""\
# Specs that ship with fptdsl

{MADE}

Each can be named where a spec is expected (`fptdsl show resnet`) and used from another file
(`use "resnet.fpt" as ResNet(layers = 50)`). Its parameters are explained at the head of the file; `--set` sets them.

| spec | architecture | parameters |
|---|---|---|
"""


def diagnostics() -> str:
    """The catalogue of codes, by area."""
    lines = [DIAGNOSTICS]
    for digit, (title, text) in AREAS.items():
        codes = sorted(code for code in CODES if code[1] == digit)
        if codes:
            lines.append(f"## F{digit}xx: {title}\n\n{text}\n\n| code | fault |\n|---|---|")
            lines.extend(f"| `{code}` | {CODES[code]} |" for code in codes)
            lines.append("")
    return "\n".join(lines)


def operations() -> str:
    """The signature of every operation, with the first line of its documentation."""
    rows = []
    for name, operation in OPERATIONS.items():
        takes = {None: "two or more values", 1: "one value"}.get(operation.inputs, f"{operation.inputs} values")
        summary = " ".join(documentation(operation).split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
        rows.append(f"| `{signature(name, operation)}` | {takes} | {summary} |")
    return OPERATIONS_HEAD + "\n".join(rows) + "\n"


def documentation(operation: type[Operation]) -> str:
    """The docstring of the declaration, or of what it is a kind of."""
    own = (kind.__doc__ for kind in operation.__mro__ if kind.__module__.startswith("fptdsl."))
    return next((text for text in own if text and text != Operation.__doc__), "As in `torch.nn`.")


def specs() -> str:
    """The shipped specs: what the comment at the head says first, and the model's parameters."""
    rows = []
    for name, path in shipped_specs().items():
        header = path.read_text(encoding="utf-8").split("\n#\n")[0].split("\n\n")[0]
        words = " ".join(line.removeprefix("#").strip() for line in header.splitlines() if line.startswith("#"))
        model = load(path).model
        parameters = ", ".join(f"`{parameter.name}`" for parameter in (model.params if model else ()))
        rows.append(f"| `{name}.fpt` | {words} | {parameters} |")
    return SPECS_HEAD + "\n".join(rows) + "\n"


def signature(name: str, operation: Any) -> str:
    fields = operation.Args.model_fields
    arguments = [key if field.is_required() else f"{key}={spell(field.default)}" for key, field in fields.items()]
    return f"{name}({', '.join(arguments)})" if arguments else name


def spell(value: Any) -> str:
    """A default as one writes it in a spec."""
    return "none" if value is None else json.dumps(value)


def methods() -> str:
    """The methods of growth: place, exactness, condition, trainability."""
    sys.path.insert(0, str(FOLDER))
    from methods_page import methods as page

    return page(MADE)


PAGES = {"diagnostics.md": diagnostics, "operations.md": operations, "../specs/README.md": specs, "methods.md": methods}


def main() -> int:
    stale = 0
    for name, make in PAGES.items():
        page = FOLDER / name
        text = make()
        if "--check" not in sys.argv[1:]:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            print(f"{page.name} is out of date")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
