"""``build`` and ``load``: the module of a spec, with fresh weights or those of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from .reading import Spec


def build(spec: str | Path, *, model: str | Path | None = None, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """The module of a spec with fresh weights, in training mode as torch's modules are."""
    from .reading import read_spec

    return _module(read_spec(spec, model=model, settings=settings))


def load(
    spec: str | Path,
    checkpoint: str | Path,
    *,
    model: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> nn.Module:
    """The module of a spec with the weights of a checkpoint, in the checkpoint's dtypes, on the CPU."""
    import torch

    from .opening import open_fitting
    from .reading import read_spec

    read = read_spec(spec, model=model, settings=settings, checkpoint=checkpoint)
    with open_fitting(checkpoint, read) as source:
        module = _module(read)
        state = {name: source.tensor(name) for name in read.graph.tensors if name in source}
    shared: dict[int, torch.Tensor] = {}
    own = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    with torch.no_grad():
        for name, values in state.items():
            # Set in place: tensors that the module shares stay shared.
            target = own[name]
            target.data = shared.setdefault(id(target), values)
    return module


def _module(read: Spec) -> nn.Module:
    from ..modules import build as materialise

    module: nn.Module = materialise(read.graph)
    return module
