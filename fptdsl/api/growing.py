"""``apply``: plan, transform, verify, publish."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostic
from .calibrating import measured, measured_in_training
from .certifying import certified, learning, require_certificate
from .clock import Clock
from .folders import new_fields, write_companions
from .hashing import Hashing, sound, watched
from .opening import open_fitting
from .outputs import Outputs, check_container, check_spec_is_ours, outputs_for
from .planning import given, planned
from .proving import Extent, check_extent, numerical_check
from .reading import Spec, read_spec, texts
from .receipts import receipt
from .results import ApplyResult, PlanResult, VerificationFailed
from .saved import read_plan
from .transforming import new_tensors
from .verifying import Progress, phase

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..proof.verdict import Verdict


def apply(
    spec: str | Path,
    checkpoint: str | Path,
    *,
    out: str | Path | None = None,
    plan: str | Path | None = None,
    model: str | Path | None = None,
    grow: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    calibrate: str | Path | None = None,
    probe: str | Path | None = None,
    verify: Extent = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> ApplyResult:
    """Grow a checkpoint: plan, transform, verify, and publish it with its spec and receipt.

    The outputs are there all or not at all; the checkpoint comes last.  Without directives nothing is
    written.  ``plan`` applies a saved plan as it is; ``probe`` verifies on real inputs too; ``calibrate`` is
    data for the statistics of inserted batch norms.  ``verify``: what is evaluated where the certificate passed:
    every layer (``full``), nothing (``certificate``), or one block of every kind of a large network (``auto``).

    Raises:
        StalePlan: the saved plan no longer fits.
        VerificationFailed: the grown network is not what the plan promised; nothing was published.
        FptError: a fault of the spec, the directives, the checkpoint, the probe or a path.
    """
    check_extent(verify)
    clock = Clock()
    source_path = Path(checkpoint)
    saved = None if plan is None else read_plan(plan)
    if saved is not None:
        model, grow, settings, seed = saved.given(model=model, grow=texts(grow), settings=settings, seed=seed)
        calibrate = saved.data(calibrate)
    with Hashing() as early:
        known = early.ahead(source_path)  # From here on, beside all that follows.
        with clock("plan"):
            read = read_spec(spec, model=model, grow=grow, settings=settings, checkpoint=checkpoint)
            if saved is not None:
                saved.check_spec(read)
        with clock("read"):
            source = open_fitting(source_path, read, saved, values=False)
            source.known = known
        with source, Hashing() as hashing:
            old_digest = hashing.start(source, read.graph.tensors)
            with clock("plan"):
                data = given(spec, model, grow, settings, calibrate)
                made = planned(read, source, seed=seed, given=data, statistics=measured(read, source, calibrate))
            if saved is not None:
                saved.check_plan(made.document)
            if not made.steps:
                return _nothing_to_do(made, read, source)
            outputs = outputs_for(source_path, None if out is None else Path(out))
            if not source_path.is_dir():
                check_container(outputs.checkpoint, source.container)
            others = (probe, plan, model, calibrate)
            inputs = [source_path, *read.files, *(Path(path) for path in others if path is not None)]
            growth = _Growth(made, read, source, hashing, old_digest, outputs, clock, progress)
            proof = partial(_prove, growth, probe=probe, extent=verify, calibrate=calibrate)
            return _publish(growth, proof, inputs, force=force)


def _nothing_to_do(made: PlanResult, read: Spec, source: Checkpoint) -> ApplyResult:
    """The result without growth; faults of the checkpoint are told all the same."""
    from ..checkpoint import check_values

    check_values(source, read.graph.tensors)
    nothing = dict.fromkeys(("certificate", "verification", "calibration"))
    return ApplyResult({**made.document, "kind": "apply", "outputs": {}, **nothing, "seconds": {}})


@dataclass(frozen=True)
class _Growth:
    """What a growth has between its plan and its publication."""

    made: PlanResult
    read: Spec
    source: Checkpoint
    hashing: Hashing
    old_digest: Future[str]
    outputs: Outputs
    clock: Clock
    progress: Progress | None

    @property
    def folder(self) -> bool:
        from ..checkpoint import FolderCheckpoint

        return isinstance(self.source, FolderCheckpoint)


Proof = Callable[[Path, Path], tuple[dict[str, Any], tuple[str, str]]]
"""Of the written checkpoint and spec: the document, and the digests of the old checkpoint and the new one."""


def _publish(growth: _Growth, proof: Proof, inputs: Sequence[Path], *, force: bool) -> ApplyResult:
    """Write, verify and publish; whatever goes wrong, nothing is left behind."""
    from ..checkpoint import FolderPublication, Publication

    outputs = growth.outputs
    text = _grown_spec(growth)
    names = (outputs.checkpoint, outputs.spec, outputs.receipt)
    publication = FolderPublication if growth.folder else Publication
    with publication(names, inputs=inputs, force=force) as files:
        check_spec_is_ours(outputs)
        checkpoint, spec, record = (files.partial(name) for name in names)
        with growth.clock("write"):
            _write(growth, checkpoint)
            spec.write_text(text, encoding="utf-8", newline="\n")
        document, digests = proof(checkpoint, spec)
        document["seconds"] = growth.clock.rounded()
        record.write_text(receipt(document, text, digests), encoding="utf-8", newline="\n")
        check_spec_is_ours(outputs)  # again: somebody may have written one in the meantime
        files.commit()
    return ApplyResult(document)


def _grown_spec(growth: _Growth) -> str:
    """The text of the grown spec."""
    from ..checkpoint import rules_in_force
    from ..growth.respell import respell

    read, made = growth.read, growth.made
    with growth.clock("spec"):
        fields = new_fields(read.config, made.document["config"]) if growth.folder else None
        of_family = read.document.model is not None and read.document.model.from_config and not growth.folder
        rules = read.document.checkpoint
        if of_family:
            rules = rules_in_force(rules, growth.source, new_tensors(made.plan, growth.source, None))
        return respell(replace(read.document, checkpoint=rules), read.network, made.plan.network, fields)


def _write(growth: _Growth, target: Path) -> None:
    """The grown checkpoint; of a folder, the files beside the weights too."""
    from ..checkpoint import write_checkpoint

    source, made = growth.source, growth.made
    progress = watched(phase(growth.progress, "write"), growth.old_digest)
    with sound(growth.old_digest):
        tensors = new_tensors(made.plan, source, progress)
        write_checkpoint(target, source, tensors, lambda path: growth.hashing.written(path, source))
    if growth.folder:
        write_companions(target, source, growth.read.config, made.document["config"])


def _prove(
    growth: _Growth,
    checkpoint: Path,
    spec: Path,
    *,
    probe: str | Path | None,
    extent: Extent,
    calibrate: str | Path | None,
) -> tuple[dict[str, Any], tuple[str, str]]:
    """Read what was written, and hold it against the plan; raises what forbids publishing."""
    import numpy as np

    from ..checkpoint import sync_tree

    made, source, clock = growth.made, growth.source, growth.clock
    with clock("verify"):
        grown = read_spec(spec, checkpoint=checkpoint if growth.folder else None)
        result = open_fitting(checkpoint, grown, values=False)
    with result, Hashing(spare=0) as hashing, ThreadPoolExecutor(1) as disk:
        # The disk is idle while the files are read from memory.
        synced = disk.submit(sync_tree if growth.folder else _sync, checkpoint)
        result.known = source.known
        new_digest = hashing.start(result, made.plan.new.tensors, like=source)
        document = {**made.document, "kind": "apply", "outputs": growth.outputs.to_json(), "verification": None}
        # Whether the old values are finite may not be known yet: what does not follow for infinity is no news.
        with clock("certify"), sound(growth.old_digest), np.errstate(invalid="ignore"):
            certificate = certified(made, grown, source, result)
        document["certificate"] = certificate.to_json()
        with clock("digest"):
            old_digest = growth.old_digest.result()  # Bad values are told before what follows from them.
        require_certificate(certificate, document)
        with clock("digest"):
            digests = old_digest, new_digest.result()
        with clock("verify"):
            verdict = numerical_check(
                made, grown, source, result, certificate,
                extent=extent, probe=probe, progress=phase(growth.progress, "verify"),
            )  # fmt: skip
        if verdict is not None:
            document["verification"] = verdict.to_json()
            _require(made, verdict, document)
        if made.exactness == "baseline":
            _require_old_weights(made, source, result, document)
        document["calibration"] = measured_in_training(growth.read, grown, source, result, calibrate)
        with clock("gradients"):
            document["gradients"] = learning(made.plan, grown, result)
        with clock("sync"):
            synced.result()
        source.check_unwritten()
    return document, digests


def _sync(path: Path) -> None:
    """Wait until a file is on the disk (publishing does so too; here its time is taken)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require(made: PlanResult, verdict: Verdict, document: Mapping[str, Any]) -> None:
    """What the plan's class allows to be published (``docs/language.md``, section 4)."""
    from ..proof.verdict import may_publish

    if may_publish(made.exactness, verdict):
        return
    raise VerificationFailed(
        Diagnostic(
            "F520",
            f"nothing was published: {verdict.wording}",
            hint="a spec that is not that of the checkpoint (another eps, another activation) is the usual cause"
            if verdict.reproduction is not None and not verdict.reproduction.passed
            else None,
        ),
        document,
    )


def _require_old_weights(made: PlanResult, source: Checkpoint, result: Checkpoint, document: Mapping[str, Any]) -> None:
    """A baseline does not keep the function, but the weights (shapes were checked on opening)."""
    from .old_weights import lost_weights

    lost = lost_weights(made.plan, source, result)
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        names = ", ".join(f"`{name}`" for name in lost[:3])
        message = f"nothing was published: old values are missing in {names}{more}"
        raise VerificationFailed(Diagnostic("F520", message, hint="please report this"), document)
