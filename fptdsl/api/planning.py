"""``plan``: what would grow, and the document that can be saved and applied later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .calibrating import facts_of_data, measured
from .reading import Spec, read_spec, texts
from .results import PlanResult

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..growth.identity import Statistics


def plan(
    spec: str | Path,
    checkpoint: str | Path | None = None,
    *,
    out: str | Path | None = None,
    model: str | Path | None = None,
    grow: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    calibrate: str | Path | None = None,
    force: bool = False,
) -> PlanResult:
    """Plan the growth of a spec; nothing but ``out`` is written.

    With a checkpoint its tensors are held against the spec, and bytes are counted in its dtypes.
    ``calibrate`` is data (``.npz``) for the statistics of inserted batch norms; it needs the checkpoint.
    ``out`` saves the document for ``apply(..., plan=out)``; ``force`` overwrites an older one.

    Raises:
        FptError: with every fault of the spec, the directives or the checkpoint.
    """
    read = read_spec(spec, model=model, grow=grow, settings=settings, checkpoint=checkpoint)
    with ExitStack() as stack:
        source = None
        if checkpoint is not None:
            from .opening import open_fitting

            # Weights may be a hundred gigabytes, and a plan depends on them only with a calibration.
            values = calibrate is not None
            source = stack.enter_context(open_fitting(checkpoint, read, values=values))
        statistics = measured(read, source, calibrate)
        result = planned(
            read, source, seed=seed, given=given(spec, model, grow, settings, calibrate), statistics=statistics
        )
    if out is not None:
        from .saved import is_plan, save_plan

        # A plan may lie in the folder that it is of, and a newer one takes its place.
        inputs = () if is_plan(Path(out)) else _inputs(read, checkpoint, calibrate)
        save_plan(result.document, Path(out), inputs=inputs, force=force)
    return result


def _inputs(read: Spec, checkpoint: str | Path | None, calibrate: str | Path | None) -> list[Path]:
    """All files that the plan is made of: of a folder every one, and the configuration beside a file."""
    inputs = [*read.files, *(Path(path) for path in (checkpoint, calibrate) if path is not None)]
    if checkpoint is not None:
        folder = Path(checkpoint)
        inputs += folder.rglob("*") if folder.is_dir() else [folder.with_name("config.json")]
    return inputs


def given(
    spec: str | Path,
    model: str | Path | None,
    grow: str | Sequence[str],
    settings: Mapping[str, Any] | None,
    calibrate: str | Path | None = None,
) -> dict[str, Any]:
    """What the user gave besides the spec's own text, so that a saved plan can be made again."""
    return {
        "spec": str(spec),
        "model": None if model is None else str(model),
        "grow": list(texts(grow)),
        "settings": dict(settings or {}),
        **facts_of_data(calibrate),
    }


def planned(
    read: Spec,
    source: Checkpoint | None,
    *,
    seed: int | None,
    given: Mapping[str, Any],
    statistics: Statistics | None = None,
) -> PlanResult:
    """The plan of a spec that has been read, and its document."""
    from ..architecture.collector import paused
    from ..growth import make_plan
    from ..growth.document import document
    from .folders import config_change, is_configured
    from .opening import facts

    config = None
    configured = source is not None and is_configured(read, folder=source.path.is_dir())
    with paused():
        made = make_plan(
            read.network,
            read.graph,
            read.document.grows,
            seed=seed or 0,
            statistics=statistics,
            configured=configured,
        )
        drawn = document(made, None if source is None else source.known_dtypes)
    if source is not None:
        drawn["warnings"] += [warning.message for warning in source.warnings]
        if made.steps:
            from ..checkpoint.left_behind import left_behind
            from .ignored_sizes import ignored_sizes

            drawn["warnings"] += [*left_behind(source, read.network.frame.values), *ignored_sizes(made, source)]
        config, warnings = config_change(read, made, source)
        drawn["warnings"] += warnings
    return PlanResult(
        {
            **drawn,
            "given": dict(given),
            "checkpoint": None if source is None else facts(source),
            "config": config,
        },
        made,
    )
