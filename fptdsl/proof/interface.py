"""Whether two networks can be compared at all: the same inputs, the same outputs."""

from __future__ import annotations

from collections.abc import Mapping

from ..architecture.graph import Graph, Value
from ..diagnostics import Diagnostics


def check_interfaces(old: Graph, new: Graph) -> None:
    """Raise FptError (F501, F502) unless names, dtypes and shapes of inputs and outputs are the same."""
    faults = Diagnostics()
    _check("F501", "input", old.inputs, new.inputs, faults)
    _check("F502", "output", old.outputs, new.outputs, faults)
    faults.check()


def _check(code: str, what: str, old: Mapping[str, Value], new: Mapping[str, Value], faults: Diagnostics) -> None:
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            faults.add(code, f"the new network has no {what} `{name}`")
        elif name not in old:
            faults.add(code, f"the old network has no {what} `{name}`")
        elif old[name].dtype != new[name].dtype:
            faults.add(
                code,
                f"the {what} `{name}` is {old[name].dtype} in the old network and {new[name].dtype} in the new one",
            )
        elif old[name].shape != new[name].shape:
            faults.add(
                code,
                f"the {what} `{name}` has the shape {old[name].shape} in the old network and "
                f"{new[name].shape} in the new one",
                hint="only networks of one interface can be compared",
            )
