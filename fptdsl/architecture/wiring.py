"""Wiring: an elaborated tree as a flat list of operations, with every name of a value resolved.

This is all that a network computes, without shapes.  Lowering walks the list; two spellings of one
network have equal wirings (``digest``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..diagnostics import did_you_mean
from .arguments import Args
from .faults import Faults
from .naming import Names, name_all
from .ops import OPERATIONS
from .ops.tied import TiedLinearArgs
from .scoping import Binding, Scoping
from .tree import Broken, Input, Layer, Network, Output, Reuse, Scope, Tree

UNKNOWN = -1
"""The value of a statement at fault."""


@dataclass(frozen=True)
class Step:
    """One operation: values are numbered, inputs of the model first come first served."""

    tree: Tree
    op: str
    args: Args
    inputs: tuple[int, ...]
    output: int
    name: str
    keyed: bool = False
    reused: str | None = None


@dataclass(frozen=True)
class Extent:
    """A named layer or composite: steps ``first`` to ``last`` (excluded), and the values at its ends."""

    name: str
    tree: Tree
    first: int
    last: int
    input: int
    output: int


@dataclass
class Wiring:
    names: Names
    steps: list[Step] = field(default_factory=list)
    inputs: dict[str, tuple[int, Input]] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    extents: list[Extent] = field(default_factory=list)
    output_trees: dict[str, Tree] = field(default_factory=dict)


_SOUND: WeakKeyDictionary[Network, Wiring] = WeakKeyDictionary()
"""Of networks that are in use: elaboration, lowering and comparison all need it, and a network never changes."""


def wire(network: Network, faults: Faults) -> Wiring:
    """The operations of a network in the order of the text.  Faults are reported, not raised."""
    known = _SOUND.get(network)
    if known is not None:
        return known
    wiring = _Wirer(network, faults).run()
    if not faults:
        _SOUND[network] = wiring
    return wiring


class _Wirer:
    def __init__(self, network: Network, faults: Faults) -> None:
        self.network = network
        self.faults = faults
        self.names = name_all(network.body)
        self.wiring = Wiring(self.names)
        self.layers: dict[str, Layer] = {}
        self.values = 0

    def run(self) -> Wiring:
        scoping = Scoping()
        last = self.body(self.network.body, None, scoping, top=True)
        wiring = self.wiring
        if not wiring.inputs and not any(isinstance(node, Broken) for node in self.network.body):
            self.faults.add(
                "F232",
                f"model `{self.network.name}` declares no input",
                self.network.frame.definition.span,
                hint="say what goes in, for example `input image: float[3, 32, 32]`",
            )
        elif not wiring.outputs and last is not None:
            wiring.outputs["output"] = last
        return wiring

    def new_value(self) -> int:
        self.values += 1
        return self.values - 1

    # --- statements --------------------------------------------------------------------------

    def body(self, children: tuple[Tree, ...], value: int | None, scoping: Scoping, *, top: bool = False) -> int | None:
        """Run the statements between two braces; their value is the last one's or ``output``'s."""
        result: int | None = None
        for child in children:
            if isinstance(child, Output):
                ended = self.output(child, scoping, top)
                result = ended if child.name is None else result
                continue
            if result is not None:
                self.fault(child, "F233", "nothing can follow `output` here", "end the braces with the `output`")
                break
            value = self.statement(child, value, scoping, top)
            self.bind(child, value, scoping)
        return value if result is None else result

    def bind(self, node: Tree, value: int | None, scoping: Scoping) -> None:
        """Make the names that a statement defines known to those after it."""
        if value is None:
            return
        if isinstance(node, Input):
            scoping.define(node.name, Binding(value))
            if len(self.wiring.inputs) == 1:
                scoping.define("input", Binding(value))
            else:
                scoping.forget("input")
        module = self.names.modules.get(node)
        if isinstance(node, Reuse):
            module = self.target(node, node.target, scoping)
        for name in (node.key, node.let):
            if name is not None:
                scoping.define(name, Binding(value, module))

    def statement(self, node: Tree, value: int | None, scoping: Scoping, top: bool) -> int | None:
        if isinstance(node, Input):
            return self.input(node, top)
        first, entered = len(self.wiring.steps), value
        place = len(self.wiring.extents)
        if isinstance(node, Scope):
            if node.sources is not None:
                value = self.sources(node, node.sources, 1, "a block", scoping)[0]
                entered = value
            value = self.scope(node, value, scoping)
        elif isinstance(node, Reuse):
            value = self.reuse(node, value, scoping)
        elif isinstance(node, Layer):
            value, entered = self.layer(node, value, scoping)
        name = self.names.modules.get(node)
        if name is not None:
            ends = (UNKNOWN if entered is None else entered, UNKNOWN if value is None else value)
            # In the order of the text: what encloses comes before what is inside.
            self.wiring.extents.insert(place, Extent(name, node, first, len(self.wiring.steps), *ends))
        return value

    def input(self, node: Input, top: bool) -> int:
        if not top:
            self.fault(node, "F233", "inputs are declared in the model's own braces, not in a block or composite")
            return UNKNOWN
        value = self.new_value()
        if node.name in self.wiring.inputs:
            self.fault(node, "F220", f"there are two inputs called `{node.name}`", "give each its own name")
        self.wiring.inputs[node.name] = (value, node)
        return value

    def output(self, node: Output, scoping: Scoping, top: bool) -> int:
        name = node.name or "output"
        if node.name is not None and not top:
            hint = "name the value here and end the model with the `output`"
            self.fault(node, "F233", "outputs with a name belong in the model's own braces", hint)
        value = self.value(node, node.value, scoping)
        if top:
            if name in self.wiring.outputs:
                self.fault(node, "F235", f"there are two outputs called `{name}`", "`output NAME: value` names one")
            self.wiring.outputs[name] = value
            self.wiring.output_trees[name] = node
        return value

    def layer(self, node: Layer, value: int | None, scoping: Scoping) -> tuple[int, int | None]:
        """Add the step of a layer; returns its value and the first value that enters it."""
        name = self.names.of(node)
        keyed = node in self.names.modules
        if keyed:
            self.layers[name] = node
        if isinstance(node, Broken):
            return UNKNOWN, value
        inputs = self.inputs(node, node.op, node.sources, value, scoping)
        shared: str | None = None
        if isinstance(node.args, TiedLinearArgs):
            shared = self.target(node, node.args.to, scoping, report=True)
            if shared is None:
                return UNKNOWN, inputs[0]
        output = self.step(Step(node, node.op, node.args, inputs, self.values, name, keyed, shared))
        return output, inputs[0] if inputs else value

    def step(self, step: Step) -> int:
        self.wiring.steps.append(step)
        return self.new_value()

    def reuse(self, node: Reuse, value: int | None, scoping: Scoping) -> int:
        target = self.target(node, node.target, scoping, report=True)
        layer = self.layers.get(target) if target is not None else None
        if target is None or layer is None or isinstance(layer, Broken):
            return UNKNOWN
        inputs = self.inputs(node, layer.op, node.sources, value, scoping)
        return self.step(Step(node, layer.op, layer.args, inputs, self.values, self.names.of(node), reused=target))

    def target(self, node: Tree, wanted: str, scoping: Scoping, report: bool = False) -> str | None:
        """The layer that ``wanted`` means to a ``reuse`` or ``tied_linear``; dots go into a composite."""
        head, _, rest = wanted.partition(".")
        binding = scoping.find(head)
        module = binding.module if binding else None
        if module is not None and rest:
            module = f"{module}.{rest}"
        layer = self.layers.get(module) if module is not None else None
        if layer is not None and (isinstance(layer, Broken) or OPERATIONS[layer.op].has_parameters):
            return module
        if report:
            if layer is not None:
                message, hint = f"`{wanted}` has no parameters to share", f"write `{layer.op}` again"
            elif module is not None and not rest and binding is not None:
                message, hint = f"`{wanted}` is not a layer", "reuse the layers inside it one by one"
            else:
                message = f"there is no layer `{wanted}` to reuse here"
                hint = did_you_mean(wanted, list(scoping.visible())) or "a layer is reused after it, in its braces"
            self.fault(node, "F224", message, hint)
        return None

    # --- composites --------------------------------------------------------------------------

    def scope(self, node: Scope, value: int | None, scoping: Scoping) -> int | None:
        if node.kind == "repeat":
            # `repeat` has no braces of its own: each element is a statement of those around it.
            for child in node.children:
                value = self.statement(child, value, scoping, top=False)
            return value
        outer = None if node.kind == "block" else scoping
        if node.kind == "parallel":
            return self.parallel(node, value, Scoping(outer, value))
        result = self.body(node.children, value, Scoping(outer, value))
        if node.kind != "residual":
            return result
        shortcut = self.body(node.shortcut, value, Scoping(outer, value))
        if result is None or shortcut is None:
            return self.nothing_before(node)
        return self.join(node, "add", (result, shortcut))

    def parallel(self, node: Scope, value: int | None, scoping: Scoping) -> int | None:
        ends: list[int] = []
        for branch in node.children:
            end = self.statement(branch, value, scoping, top=False)
            self.bind(branch, end, scoping)
            ends.append(self.nothing_before(node) if end is None else end)
        if not ends:
            self.fault(node, "F236", "`parallel` has no branches", "write each as `name: { ... }`")
            return UNKNOWN
        return ends[0] if len(ends) == 1 else self.join(node, node.mode or "concat", tuple(ends))

    def join(self, node: Scope, op: str, inputs: tuple[int, ...]) -> int:
        return self.step(Step(node, op, OPERATIONS[op].Args(), inputs, self.values, self.names.joins[node]))

    # --- values ------------------------------------------------------------------------------

    def inputs(
        self, node: Tree, op: str, sources: tuple[str, ...] | None, value: int | None, scoping: Scoping
    ) -> tuple[int, ...]:
        """The values that an operation takes: those after ``from``, or the one before it."""
        wanted = OPERATIONS[op].inputs
        if sources is not None:
            return self.sources(node, sources, wanted, f"`{op}`", scoping)
        if wanted == 0:
            return ()
        if wanted != 1:
            count = "several values" if wanted is None else f"{wanted} values"
            self.fault(node, "F223", f"`{op}` takes {count}", f"name them: `{op} from a, b`")
            return (UNKNOWN,)
        return (self.nothing_before(node) if value is None else value,)

    def sources(
        self, node: Tree, sources: tuple[str, ...], wanted: int | None, what: str, scoping: Scoping
    ) -> tuple[int, ...]:
        if len(sources) != wanted if wanted is not None else len(sources) < 2:
            count = "two or more values" if wanted is None else "one value" if wanted == 1 else f"{wanted} values"
            self.fault(node, "F223", f"{what} takes {count}, not {len(sources)}")
            return (UNKNOWN,)
        return tuple(self.value(node, source, scoping) for source in sources)

    def value(self, node: Tree, name: str, scoping: Scoping) -> int:
        binding = scoping.find(name)
        if binding is not None:
            return binding.value
        hint = did_you_mean(name, list(scoping.visible()))
        if hint is None and name == "input":
            hint = "the model declares several inputs or none: name the one that is meant"
        if hint is None:
            hint = "a name is seen from its statement to the end of the enclosing braces; blocks see only their own"
        self.fault(node, "F222", f"there is no value `{name}` here", hint)
        return UNKNOWN

    def nothing_before(self, node: Tree) -> int:
        hint = "declare an input before it, for example `input image: float[3, 32, 32]`"
        if self.wiring.inputs:
            hint = "name a value: `from x`"
        self.fault(node, "F232", "there is no value before this statement", hint)
        return UNKNOWN

    def fault(self, node: Tree, code: str, message: str, hint: str | None = None) -> None:
        place = self.names.of(node)
        self.faults.add(code, f"{message} (at `{place}`)", node.origin.span if node.origin else None, hint=hint)
