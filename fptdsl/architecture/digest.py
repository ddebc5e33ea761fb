"""What a network computes and how its modules are called, in a form that can be compared and hashed.

Spelling does not matter (blocks or braces, ``repeat`` or ``sequential``, ``residual`` or ``add``): only the
names of modules, operations, arguments and wiring do.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .arguments import Args
from .expressions import describe
from .faults import Faults
from .tree import Network
from .wiring import Wiring, wire


@dataclass(frozen=True)
class _Line:
    """One operation; ``inputs`` are inputs of the model by name or earlier lines by number."""

    name: str | None
    place: str
    op: str
    args: Args
    inputs: tuple[str | int, ...]
    reused: str | None

    def facts(self) -> list[Any]:
        return [self.name, self.op, _dump(self.args), list(self.inputs), self.reused]


@dataclass(frozen=True)
class _Summary:
    inputs: dict[str, tuple[str, tuple[int | str, ...]]]
    lines: list[_Line]
    outputs: dict[str, str | int]


def digest(network: Network) -> str:
    """The SHA-256 of what the network computes, as 64 hexadecimal digits."""
    summary = _summary(network)
    document = {
        "inputs": {name: [dtype, list(dims)] for name, (dtype, dims) in summary.inputs.items()},
        "steps": [line.facts() for line in summary.lines],
        "outputs": summary.outputs,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def same(a: Network, b: Network) -> str | None:
    """None when two networks compute the same with the same modules, else their first difference in words."""
    first, second = _summary(a), _summary(b)
    if first.inputs != second.inputs:
        return f"the inputs are {_inputs(first)} in the first and {_inputs(second)} in the second"
    for left, right in zip(first.lines, second.lines):
        difference = _difference(left, right, first, second)
        if difference is not None:
            return difference
    if len(first.lines) != len(second.lines):
        longer, which = (first, "first") if len(first.lines) > len(second.lines) else (second, "second")
        extra = longer.lines[min(len(first.lines), len(second.lines))]
        return f"only the {which} has `{extra.place}` ({extra.op})"
    if first.outputs != second.outputs:
        return f"the outputs are {_outputs(first)} in the first and {_outputs(second)} in the second"
    return None


def _summary(network: Network) -> _Summary:
    faults = Faults()
    wiring: Wiring = wire(network, faults)
    faults.check()
    values: dict[int, str | int] = {number: name for name, (number, _) in wiring.inputs.items()}
    lines = []
    for position, step in enumerate(wiring.steps):
        inputs = tuple(values[number] for number in step.inputs)
        lines.append(_Line(step.name if step.keyed else None, step.name, step.op, step.args, inputs, step.reused))
        values[step.output] = position
    inputs_by_name = {name: (node.dtype, node.dims) for name, (_, node) in wiring.inputs.items()}
    return _Summary(inputs_by_name, lines, {name: values[number] for name, number in wiring.outputs.items()})


def _difference(left: _Line, right: _Line, first: _Summary, second: _Summary) -> str | None:
    if left.name != right.name or left.op != right.op:
        return f"`{left.place}` ({left.op}) in the first is `{right.place}` ({right.op}) in the second"
    if left.args != right.args:
        old, new = _dump(left.args), _dump(right.args)
        for name in old:
            if old[name] != new.get(name):
                values = f"{describe(old[name])} in the first and {describe(new.get(name))} in the second"
                return f"`{name}` of `{left.place}` is {values}"
    if left.inputs != right.inputs:
        sources = f"{_places(left.inputs, first)} in the first and {_places(right.inputs, second)} in the second"
        return f"`{left.place}` takes {sources}"
    if left.reused != right.reused:
        layers = f"`{left.reused}` in the first and of `{right.reused}` in the second"
        return f"`{left.place}` shares the weights of {layers}"
    return None


def _dump(args: Args) -> dict[str, Any]:
    return args.model_dump(mode="json")


def _places(values: tuple[str | int, ...], summary: _Summary) -> str:
    return ", ".join(f"`{v}`" if isinstance(v, str) else f"`{summary.lines[v].place}`" for v in values)


def _inputs(summary: _Summary) -> str:
    return ", ".join(f"{name}: {dtype}{describe(dims)}" for name, (dtype, dims) in summary.inputs.items())


def _outputs(summary: _Summary) -> str:
    return ", ".join(f"{name}: {_places((value,), summary)}" for name, value in summary.outputs.items())
