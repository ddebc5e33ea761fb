"""From the files of a spec to its network and graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..architecture.graph import Graph
    from ..architecture.tree import Network
    from ..checkpoint.config import Config
    from ..language import Document


@dataclass(frozen=True, eq=False)
class Spec:
    """A spec that has been read, resolved and lowered."""

    document: Document
    network: Network
    graph: Graph
    config: Config | None = None
    """The ``config.json`` of the checkpoint folder that it was read for."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the spec came from: never written to."""
        names = [self.document.path, *(Path(source.name) for source in self.document.sources)]
        return tuple(dict.fromkeys(path for path in names if path is not None and path.exists()))


def read_spec(
    spec: str | Path,
    *,
    model: str | Path | None = None,
    grow: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    checkpoint: str | Path | None = None,
) -> Spec:
    """Read a spec; all its faults are raised together as ``FptError``.

    A model that takes its parameters from a configuration finds it in the folder ``checkpoint``.
    """
    from ..diagnostics import Diagnostics, FptError
    from ..language import load
    from .folders import fields_asked, find_config, named_fields

    faults = Diagnostics()
    document = load(spec, model=model, grow=texts(grow), diagnostics=faults)
    if faults.errors:
        from .later_faults import add_later_faults

        add_later_faults(document, settings or {}, faults, checkpoint)
        faults.check()
    from ..architecture import elaborate, lower

    config = find_config(document, settings or {}, checkpoint)
    fields = fields_asked(document.model, config)
    try:
        network = elaborate(document, settings or {}, config=fields)
        graph = lower(network)
    except FptError as fault:
        if config is None:
            raise
        raise named_fields(fault, document.model, config) from fault
    return Spec(document, network, graph, config)


def texts(grow: str | Iterable[str]) -> tuple[str, ...]:
    """Directives given as one text or several."""
    return (grow,) if isinstance(grow, str) else tuple(grow)
