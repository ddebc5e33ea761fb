"""Keys and values copied for their query heads: ``enlarge PATH kv_heads to N`` (T-4).

Query head ``q`` uses key and value head ``q // (heads / kv_heads)`` (Ainslie et al. 2023, arXiv 2305.13245).  With
each head of keys and values ``c`` times in a row, ``j c`` to ``j c + c - 1`` for head ``j``, every query head finds the
keys and values that it had; the query heads stay as they are (``shared_heads.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from ..architecture.graph import Graph, Node, key_of
from ..architecture.terms import Space, resolve
from ..architecture.tree import Layer, Network, walk
from ..language import syntax
from .demands import MAX_UNITS
from .new_form import Edit
from .recipe import Source, Start
from .refusal import Refused
from .requests import Request
from .shared_heads import Changed, Form, heads_of, nodes_by_space
from .sizes import parameters_of

SIZE = "kv_heads"
"""The name of the size in a directive, whatever a block of the spec calls it."""

Place = tuple[str, str]
"""An old layer: its name and its operation."""


class Copies:
    """The heads of keys and values of a network; ``network`` may hold more layers than ``old``, its graph before."""

    def __init__(self, old: Graph, network: Network) -> None:
        self.old, self.network = old, network

    def asked_for(self, directive: syntax.Directive, target: str) -> bool:
        """Whether an ``enlarge`` asks for more of them: by this name, or by that of the block's parameter."""
        if not isinstance(directive, syntax.Enlarge) or directive.size == "kernel_size":
            return False
        if directive.size == SIZE:
            return True
        inside = self._inside(target)
        counted = [heads_of(node)[1] for node in inside if node.op == "attention"]
        named = [resolve(term) for node in inside for name, term in parameters_of(node) if name == directive.size]
        return any(term in counted for term in named)

    def edits(
        self, request: Request, directive: syntax.Enlarge, target: str
    ) -> Iterator[tuple[Mapping[int, Layer], Edit]]:
        """For each set of shared heads in ``target`` the layers in their new form, by the ids of the old, and the edit.

        Raises Refused: there is no attention, the numbers do not divide, or something else is done with the units.
        """
        for changed in self._changed(directive, target):
            for node in changed.nodes:
                if self._inserted[node.name, node.op] != self._inserted[changed.attention, "attention"]:
                    message = f"`{node.name}` cannot be copied and deepened at once"
                    raise Refused("F305", message, "grow twice, first with this line")
            layers = {
                id(layer): replace(layer, args=type(layer.args)(**{**dict(layer.args), **given}))
                for place, given in changed.arguments.items()
                for layer in self._layers[place]
            }
            yield layers, self._edit(request, changed, layers)

    def _changed(self, directive: syntax.Enlarge, target: str) -> Iterator[Changed]:
        if isinstance(directive.to, tuple):
            raise Refused("F308", f"`{directive.size}` is one number", "`enlarge PATH kv_heads to N`")
        if directive.to > MAX_UNITS:
            raise Refused("F309", f"{MAX_UNITS:,} heads are the most that can be planned", "ask for less")
        inside = [node for node in self._inside(target) if node.op == "attention"]
        if not inside:
            label = f"`{target}`" if target else "the model"
            raise Refused("F308", f"{label} holds no attention, so it has no heads of keys and values")
        found: set[Space] = set()
        for node in inside:
            form = Form.of(self._nodes, node, directive.to)
            if form is not None and form.groups not in found:
                found.add(form.groups)
                yield form.changed()

    def _edit(self, request: Request, changed: Changed, layers: Mapping[int, Layer]) -> Edit:
        own = [next(layer for layer in self._layers[n.name, n.op] if layer.old is not None) for n in changed.nodes]

        def start(position: int, suffix: str, shape: tuple[int, ...]) -> Start:
            key = key_of(own[position].old or "", suffix)
            return changed.starts.get(key) or Source(key)

        return Edit(
            request,
            changed.attention.rpartition(".")[0] or "*",
            tuple(layers.get(id(layer), layer) for layer in own),
            start,
            changed.summary,
            "each head of keys and values stands several times in a row, so that every query head finds the ones that "
            "it had; the copies learn from query heads of their own",
            exactness="eval-only" if changed.dropped else "exact",
            method="copies",
            replaces=tuple(node.name for node in changed.nodes),
        )

    def _inside(self, target: str) -> Sequence[Node]:
        region = self.old.regions.get(target)
        return self.old.nodes if region is None else self.old.nodes[region.first : region.last]

    @cached_property
    def _nodes(self) -> Mapping[Space, Sequence[Node]]:
        return nodes_by_space(self.old)

    @cached_property
    def _layers(self) -> Mapping[Place, Sequence[Layer]]:
        """Old layers, and new ones that are modelled on them."""
        found: dict[Place, list[Layer]] = {}
        for _, node in walk(self.network):
            if isinstance(node, Layer):
                found.setdefault((node.old or node.like or "", node.op), []).append(node)
        return found

    @cached_property
    def _inserted(self) -> Mapping[Place, int]:
        """How many new layers are modelled on each."""
        return Counter(place for place, layers in self._layers.items() for layer in layers if layer.old is None)
