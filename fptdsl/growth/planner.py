"""From directives to a plan: a tuple of passes over one draft.

Each pass reads what the passes before it found and adds its own; none looks back.  The order is that
of :data:`PASSES`.  torch is not needed for any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..architecture.collector import paused
from ..architecture.elaborate import check_keys
from ..architecture.faults import Faults
from ..architecture.graph import Graph
from ..architecture.lower import lower
from ..architecture.terms import Space
from ..architecture.tree import Network
from ..diagnostics import Diagnostic, Diagnostics, FptError, Note
from ..language import syntax
from ..language.directives import section_seed
from .choice import Choice, choose
from .config.ties import follow_config
from .deepen import Deepened, deepen
from .demands import Widths
from .digest import spec_digest
from .forms import Form, check_mirrors, forms, widened_layers
from .identity import Statistics
from .insertions import Inserted, solve_identities
from .plan import ORDER, Plan
from .recipes import every_table, tensor_plans
from .regrow import grown_network
from .requests import Requests, collect
from .requirements import check_requirements
from .reshape import Reshaped, factorises, reshape
from .steps import make_steps
from .table_rows import appends_rows
from .unread import check_read
from .widths import solve


@dataclass
class Draft:
    """A plan in the making."""

    network: Network
    graph: Graph
    grows: tuple[syntax.Grow, ...]
    seed: int
    statistics: Statistics | None = None
    configured: bool = False
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    requests: Requests = field(default_factory=Requests)
    deepened: Deepened | None = None
    reshaped: Reshaped | None = None
    middle: Graph | None = None
    """The graph with all insertions and new forms, at the old widths."""
    inserted: list[Inserted] = field(default_factory=list)
    widths: Widths | None = None
    forms: dict[Space, Form] = field(default_factory=dict)
    choices: dict[Space, Choice] = field(default_factory=dict)
    plan: Plan | None = None


def resolve_paths(draft: Draft) -> None:
    draft.requests = collect(draft.grows, draft.graph, draft.diagnostics)


def insert_layers(draft: Draft) -> None:
    """``deepen`` as a graph edit, at the old widths."""
    requests = [request for request in draft.requests.deepen if not factorises(request)]
    draft.deepened = deepen(draft.network, draft.graph, requests, draft.diagnostics)


def reshape_layers(draft: Draft) -> None:
    """``enlarge``, ``branch``, factorisation and rows of tables: old layers in another form."""
    assert draft.deepened is not None
    factorised = [request for request in draft.requests.deepen if factorises(request)]
    tables = [request for request in draft.requests.widen if appends_rows(request, draft.graph)]
    requests = [*draft.requests.enlarge, *draft.requests.branch, *factorised, *tables]
    draft.reshaped = reshape(draft.deepened.network, draft.graph, requests, draft.diagnostics)
    draft.deepened.units = [unit.among(draft.reshaped.replaced) for unit in draft.deepened.units]
    faults = Faults()
    check_keys(draft.reshaped.network.body, faults)
    faults.check()
    changed = draft.reshaped.network is not draft.network
    draft.middle = _lowered(draft, draft.reshaped.network) if changed else draft.graph


def _lowered(draft: Draft, network: Network) -> Graph:
    """The graph with what was inserted, which may have changed a shape that others rely on.

    Raises FptError: the network no longer fits together; at the first line that changed it (F322).
    """
    try:
        return lower(network)
    except FptError as fault:
        draft.diagnostics.check()  # what was refused before this says more
        request = [*draft.requests.deepen, *draft.requests.branch, *draft.requests.enlarge][0]
        found = fault.diagnostics[0]
        raise FptError(
            Diagnostic(
                "F322",
                f"with what is inserted here the network does not fit together: {found.message}",
                request.span,
                hint="insert layers that keep the shape of what they read",
                notes=(Note("this no longer fits", found.span),),
            )
        ) from fault


def start_as_identity(draft: Draft) -> None:
    assert draft.deepened is not None
    assert draft.reshaped is not None
    assert draft.middle is not None
    starts = draft.reshaped.starts(draft.middle)
    draft.inserted = solve_identities(
        draft.deepened.units, draft.graph, draft.middle, draft.statistics, draft.diagnostics, starts
    )
    check_mirrors(draft.inserted, draft.middle, draft.diagnostics)
    check_read(draft.inserted, draft.middle, draft.diagnostics)


def settle_widths(draft: Draft) -> None:
    """Tie closure and conflicts: the new size of every Space."""
    assert draft.middle is not None
    inserted = list(widened_layers(draft.inserted, draft.diagnostics))
    widened = [request for request in draft.requests.widen if not appends_rows(request, draft.graph)]
    draft.widths = solve(draft.middle, widened, inserted, draft.diagnostics)
    if draft.configured and not draft.diagnostics.errors:
        follow_config(draft.middle, draft.network, draft.widths, draft.diagnostics)
    draft.forms = forms(draft.inserted, draft.widths, draft.diagnostics)


def choose_methods(draft: Draft) -> None:
    """The table of every Space that grows."""
    assert draft.middle is not None
    assert draft.widths is not None
    draft.choices = choose(draft.middle, draft.widths, draft.forms, draft.seed, draft.diagnostics)
    draft.diagnostics.check()


def write_plan(draft: Draft) -> None:
    """The grown network, a recipe for each of its tensors, and the steps in words."""
    assert draft.middle is not None
    assert draft.widths is not None
    assert draft.reshaped is not None
    network = grown_network(draft.reshaped.network, draft.middle, draft.widths.sizes)
    grown = lower(network)
    tables = {space: choice.table for space, choice in draft.choices.items()}
    tensors = tensor_plans(
        draft.graph, draft.middle, grown, tables, draft.inserted, draft.reshaped.starts(draft.middle)
    )
    steps, warnings = make_steps(
        draft.graph, draft.middle, draft.widths, draft.choices, draft.inserted, draft.reshaped.edits, grown
    )
    draft.plan = Plan(
        spec=spec_digest(draft.network, draft.grows),
        seed=draft.seed,
        steps=steps,
        tables=every_table(tables),
        tensors=tensors,
        skipped=tuple(dict.fromkeys(draft.widths.skipped)),
        exactness=max((step.exactness for step in steps), key=ORDER.index, default="bitwise"),
        warnings=warnings,
        old=draft.graph,
        new=grown,
        network=network,
    )


def check(draft: Draft) -> None:
    """``require`` directives, before anything is written."""
    assert draft.plan is not None
    check_requirements(draft.requests.require, draft.plan, draft.diagnostics)
    draft.diagnostics.check()


PASSES: tuple[Callable[[Draft], None], ...] = (
    resolve_paths,
    insert_layers,
    reshape_layers,
    start_as_identity,
    settle_widths,
    choose_methods,
    write_plan,
    check,
)


def make_plan(
    network: Network,
    graph: Graph,
    grows: Sequence[syntax.Grow],
    *,
    seed: int = 0,
    statistics: Statistics | None = None,
    configured: bool = False,
) -> Plan:
    """The plan of all directives together.

    ``statistics`` are mean and variance per channel of values of the old network on the user's data, by the
    names of the graph's nodes and inputs (``--calibrate``).  ``configured``: the grown network must be what the
    fields of a configuration say, so that sizes that come from one field grow together.

    Raises :class:`FptError` with every fault of the directives: paths that match nothing, shrinking,
    frozen units, contradictory widths, methods that are not legal where they are asked for.
    """
    drawn = seed or next((s for s in map(section_seed, grows) if s is not None), 0)
    draft = Draft(network, graph, tuple(grows), drawn, statistics, configured)
    with paused():
        for step in PASSES:
            step(draft)
    assert draft.plan is not None
    return draft.plan
