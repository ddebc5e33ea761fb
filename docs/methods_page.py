"""The text of docs/methods.md, from what the methods declare of themselves."""

from __future__ import annotations

from fptdsl.growth.deepening import DEEPENING
from fptdsl.growth.methods import AUTOMATIC
from fptdsl.growth.methods.variants import VARIANTS

HEAD = """\
# Methods

{made}

What `using` names, where it is legal, how exact it is, and what becomes of it in training. The ids are those of
[maths.md](maths.md). A step is `bitwise` (the old operations run unchanged), `exact` (equal but for rounding),
`eval-only` (equal in evaluation: batch statistics or dropout differ in training), `approximate` or a `baseline`. A
method that is not legal at a place is refused there with the reason and what is legal instead; `fptdsl plan` says
which was taken and why.

"""

COLUMNS = """\
| `using` | place | exactness | condition | trainability | id |
|---|---|---|---|---|---|
"""

CHOICE = """\

Without `using` the first of {widening} that is legal widens; `net2net` deepens layers and `zero` deepens blocks: the
automatic choice never adds a kind of thing that was not there, such as a skip or another activation.
"""

FORMS = (
    (
        "`enlarge PATH kernel_size to K`",
        "a convolution",
        "exact",
        "each size grows by an even number; padding grows with it",
        "new taps learn from the first step",
        "K-1",
    ),
    (
        "`enlarge PATH kv_heads to N`",
        "attention whose query heads share keys and values",
        "exact; eval-only with dropout of keys or values",
        "N is a multiple of the old number and divides the query heads; nothing else reads the keys and values",
        "all learn from the first step, and copies part, as each serves other query heads",
        "T-4",
    ),
    (
        "`branch PATH into N`",
        "a layer with a kernel",
        "exact",
        "the layer is not used again by `reuse`",
        "equal shares stay equal until the branches are deepened",
        "D-12",
    ),
)
"""Directives that have one method only."""


def methods(made: str) -> str:
    """The page; ``made`` is the mark of pages that are not edited by hand."""
    parts = [HEAD.format(made=made), "## Widening\n\n", COLUMNS]
    parts += [_row(f"`{v.using}`", v.place, v.kinds, v.condition, v.trainability, v.ids) for v in VARIANTS]
    parts += ["\n## Deepening\n\n", COLUMNS]
    parts += [_row(f"`{m.using}`", m.place, m.kinds, m.condition, m.trainability, m.ids) for m in DEEPENING.values()]
    parts.append(CHOICE.format(widening=", ".join(f"`{name}`" for name in AUTOMATIC)))
    parts += ["\n## Other forms\n\n", COLUMNS.replace("`using`", "directive")]
    parts += [_row(*form) for form in FORMS]
    return "".join(parts)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
