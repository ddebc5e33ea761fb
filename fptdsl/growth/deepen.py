"""``deepen``: which new layers or blocks go where (a graph edit; their values are ``identity.py``'s)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..architecture.graph import Graph, Region
from ..architecture.ops import OPERATIONS
from ..architecture.tree import Layer, Network, Scope, Tree
from ..diagnostics import Diagnostics
from ..language import syntax
from .deepening import asked_for, automatic
from .deepening.copies import Run, is_run, shown
from .edit_tree import Insertions, Keys, insert, parents, replace_nodes
from .elements import element_positions, templates
from .lists import Repeated, repeated
from .refusal import Refused
from .renaming import named_readers, reading, taken_in_order
from .requests import Request


@dataclass(frozen=True, eq=False)
class Unit:
    """One inserted unit that has to start as the identity: the new nodes in order.

    ``residual`` where it is an element of a repeat or a block, not layers behind a layer.
    """

    request: Request
    target: str
    nodes: tuple[Tree, ...]
    residual: bool

    def among(self, replaced: Mapping[int, Tree]) -> Unit:
        """The unit in a tree where other nodes are in the places of some (by id)."""
        return replace(self, nodes=tuple(replaced.get(id(node), node) for node in self.nodes))


@dataclass
class Deepened:
    network: Network
    units: list[Unit]


def deepen(network: Network, graph: Graph, requests: Sequence[Request], diagnostics: Diagnostics) -> Deepened:
    """The network with all insertions, each unit in the order of the text."""
    editor = _Editor(network, graph)
    for request in requests:
        directive = request.directive
        assert isinstance(directive, syntax.Deepen)
        for group in _places(request, graph):
            try:
                editor.place(request, directive, group)
            except Refused as refused:
                diagnostics.add(refused.code, str(refused), directive.span, hint=refused.hint)
    return Deepened(replace_nodes(insert(network, editor.insertions), editor.changed), editor.units)


def _places(request: Request, graph: Graph) -> list[tuple[str, ...]]:
    """Each target on its own, or neighbouring layers given by several paths as one unit (D-3)."""
    directive = request.directive
    assert isinstance(directive, syntax.Deepen)
    trees = [graph.regions[target].tree for target in request.targets if target]
    layers = all(isinstance(tree, Layer) or (isinstance(tree, Scope) and is_run(tree)) for tree in trees)
    if len(directive.paths) > 1 and len(request.targets) == len(directive.paths) and layers:
        return [request.targets]
    return [(target,) for target in request.targets]


class _Editor:
    def __init__(self, network: Network, graph: Graph) -> None:
        self.graph = graph
        self.parents = parents(network)
        self.keys = Keys(network)
        self.insertions = Insertions()
        self.units: list[Unit] = []
        self.changed: dict[int, Tree] = {}
        """Statements that take another value by name, by id."""

    def place(self, request: Request, directive: syntax.Deepen, targets: tuple[str, ...]) -> None:
        if not targets:
            return
        if not all(targets):
            raise Refused("F320", "`deepen *` would deepen the whole model at once", "name a stage, block or layer")
        regions = [self.graph.regions[target] for target in targets]
        found = repeated(regions[0].tree) if len(regions) == 1 else None
        if found is not None:
            self._elements(request, directive, regions[0], found)
        else:
            self._siblings(request, directive, regions)

    # --- elements of a repeat ----------------------------------------------------------------------

    def _elements(self, request: Request, directive: syntax.Deepen, region: Region, found: Repeated) -> None:
        tree = found.scope
        if directive.name is not None:
            raise Refused("F324", f"the elements of `{region.name}` have numbers, not names", "leave `as` out")
        if directive.to is not None:
            raise self._no_width(region.name, directive)
        if not tree.children:
            raise Refused("F320", f"`{region.name}` has no element to model new ones on")
        count = len(tree.children)
        if count == found.leading:
            raise Refused(
                "F322",
                f"`{region.name}` has only its first element, which is of another kind than those behind it would be",
                "start from a network with two elements or more",
            )
        gaps = element_positions(directive, count)
        if gaps is None:
            raise Refused(
                "F323",
                f"`{region.name}` ends with element {count - 1}, so nothing comes after {directive.after}",
                f"use a number below {count}, or `at end`",
            )
        if found.leading and gaps[0][0] < 0:
            raise Refused(
                "F323",
                f"the first element of `{region.name}` is of another kind than those behind it"
                f"{_only_there(self.graph, region, tree)}, so that a new one cannot come before it",
                "insert behind it: `after 0`, or `at end`",
            )
        method = asked_for(request.method) or automatic(True)
        models = templates(self.graph, region, tree, self.graph.network, found.leading)
        shift = 0
        for after, number in gaps:
            template = models.near(after)
            if template is None:
                raise Refused(
                    "F322",
                    f"every element of `{region.name}` changes the shape, so a new one cannot be the identity",
                    "deepen a stage that has an element which keeps the shape",
                )
            self._fits(region, tree, after, template)
            new: list[Tree] = []
            for _ in range(number):
                position = after + 1 + shift
                new.append(method.element(models.element(template, position)))
                shift += 1
            self.units.extend(Unit(request, region.name, (node,), True) for node in new)
            if after < 0:
                self.insertions.first.setdefault(id(tree), []).extend(new)
            else:
                self.insertions.add(tree.children[after], new)

    def _no_width(self, name: str, directive: syntax.Deepen) -> Refused:
        return Refused(
            "F323",
            "`to` sets the width of an inserted layer, not of a block",
            f"write a second line: `widen {name} to {directive.to}`",
        )

    def _fits(self, region: Region, tree: Scope, after: int, template: Tree) -> None:
        """What flows through the gap has the shape that the template keeps."""
        inner = [r for r in self.graph.regions.values() if r.tree is template]
        wanted = inner[0].input.shape if inner and inner[0].input is not None else None
        before = next((r for r in self.graph.regions.values() if after >= 0 and r.tree is tree.children[after]), None)
        value = before.output if before is not None else region.input
        if wanted is not None and value is not None and value.shape != wanted:
            raise Refused(
                "F322",
                f"nothing can be inserted here: `{region.name}` is entered with {shown(value.shape)} and its "
                f"elements keep {shown(wanted)}; the element that changes the shape comes first",
                "insert behind it: `at end`, or `after 0`",
            )

    # --- siblings of a layer or group --------------------------------------------------------------

    def _siblings(self, request: Request, directive: syntax.Deepen, regions: list[Region]) -> None:
        if directive.place is not None:
            raise Refused(
                "F323",
                f"`{regions[0].name}` is not a repeat, so new layers go right after it",
                "leave out `at`, `after` and `interleaved`",
            )
        runs = [self._run(region) for region in regions]
        for first, second in pairwise(runs):
            _, siblings, position = self.parents[id(first[-1])]
            if position + 1 >= len(siblings) or siblings[position + 1] is not second[0]:
                raise Refused(
                    "F323",
                    f"`{regions[0].name}` and `{regions[1].name}` are not neighbours",
                    "name layers that follow one another, or deepen each on its own",
                )
        run = [node for part in runs for node in part]
        residual = isinstance(run[0], Scope)
        block = isinstance(run[0], Scope) and not is_run(run[0])
        method = asked_for(request.method) or automatic(block)
        if block and directive.to is not None:
            raise self._no_width(regions[0].name, directive)
        output = self._output(regions[-1])
        scope = self.parents[id(run[0])][0]
        numbered = scope is not None and scope.numbered
        for number in range(1, directive.by + 1):
            names = tuple(self._names(run, directive, number))
            fresh = self._fresh(run[0])
            new = method.layers(Run(tuple(run), names, output, numbered, directive.to, fresh))
            if number == directive.by:
                new = (*new[:-1], self._taken_by_name(run[-1], new[-1]))
            self.units.append(Unit(request, regions[0].name, new, residual))
            self.insertions.add(run[-1], list(new))

    def _taken_by_name(self, old: Tree, new: Tree) -> Tree:
        """The last inserted node, by a name that takes the place of the old one's where that is all that is read."""
        scope, siblings, position = self.parents[id(old)]
        names = frozenset(name for name in (old.key, old.let) if name is not None)
        if not names or taken_in_order(siblings, position, scope):
            return new
        readers = named_readers(siblings, position, names)
        if not readers:
            return new
        if new.key is None:
            name = old.let if old.let is not None else self._fresh(old)(f"{old.key}_out")
            new = replace(new, let=name)
        else:
            name = new.key
        if old.let is not None:
            self.changed[id(old)] = replace(self.changed.get(id(old), old), let=None)
        for reader in readers:
            self.changed[id(reader)] = reading(self.changed.get(id(reader), reader), names, name)
        return new

    def _run(self, region: Region) -> list[Tree]:
        """A layer with the norm and the activation that follow it; a group as it is."""
        tree = region.tree
        if isinstance(tree, Scope):
            ends = region.input, region.output
            if None not in ends and ends[0].shape != ends[1].shape and not is_run(tree):  # type: ignore[union-attr]
                raise Refused(
                    "F322",
                    f"`{region.name}` changes the shape from {shown(ends[0].shape)} to {shown(ends[1].shape)}, "  # type: ignore[union-attr]
                    "so a copy of it cannot be the identity",
                    "name a layer, block or repeat inside it",
                )
            return [tree]
        if not isinstance(tree, Layer) or OPERATIONS[tree.op].affine != "map":
            op = tree.op if isinstance(tree, Layer) else type(tree).__name__.lower()
            raise Refused(
                "F320",
                f"`{region.name}` ({op}) is not a layer that can be repeated",
                "name a convolution, a linear layer, a block or a repeat",
            )
        _, siblings, position = self.parents[id(tree)]
        run: list[Tree] = [tree]
        scope = self.parents[id(tree)][0]
        if scope is not None and scope.kind in ("parallel", "repeat"):
            return run
        norm, activation = False, False
        for node in siblings[position + 1 :]:
            if not isinstance(node, Layer) or node.sources is not None:
                break
            operation = OPERATIONS[node.op]
            if operation.affine == "norm" and not norm and not activation:
                norm = True
            elif node.op == "maxout" and not norm and not activation:
                run.append(node)
                break
            elif operation.activation is not None and not activation:
                activation = True
            else:
                break
            run.append(node)
        return run

    def _output(self, region: Region) -> tuple[int, ...]:
        """The shape behind the layer itself (its norm and activation not counted), or behind a composite."""
        node = next((n for n in self.graph.nodes if n.tree is region.tree), None)
        value = node.output if node is not None and isinstance(region.tree, Layer) else region.output
        assert value is not None
        return value.shape

    def _names(self, run: list[Tree], directive: syntax.Deepen, number: int) -> list[str | None]:
        """New keys: ``KEY_1`` with the next free number, or the name given; numbered children have none."""
        names: list[str | None] = []
        if all(node.key is None for node in run):
            return [None] * len(run)
        keyed = [node for node in run if node.key is not None]
        base = directive.name
        if base is not None:
            suffix = f"_{number}" if directive.by > 1 else ""
            for node in run:
                own = f"{base}{suffix}" if node is run[0] else f"{base}{suffix}_{node.key}"
                names.append(own if node.key is not None else None)
        else:
            count = 1
            while not all(self.keys.free(node, f"{node.key}_{count}") for node in keyed):
                count += 1
            names = [f"{node.key}_{count}" if node.key is not None else None for node in run]
        for node, name in zip(run, names):
            if name is not None:
                if not self.keys.free(node, name):
                    raise Refused("F324", f"the name `{name}` is in use already", "choose another name after `as`")
                self.keys.take(node, name)
        return names

    def _fresh(self, beside: Tree) -> Callable[[str], str]:
        """Free keys beside a node, by wish."""

        def fresh(wish: str) -> str:
            key, number = wish, 1
            while not self.keys.free(beside, key):
                number += 1
                key = f"{wish}_{number}"
            self.keys.take(beside, key)
            return key

        return fresh


def _only_there(graph: Graph, region: Region, tree: Scope) -> str:
    """Which parameters only the first element of a list has, as part of a sentence."""

    def inside(number: int) -> set[str]:
        start = f"{region.name}.{number}."
        return {name.removeprefix(start).rpartition(".")[0] for name in graph.tensors if name.startswith(start)}

    own = inside(0) - inside(1) if len(tree.children) > 1 else set()
    return f", which read its `{min(own)}`" if own else ""
