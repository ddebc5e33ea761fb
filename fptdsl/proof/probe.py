"""Real inputs for a verification, and the outputs that they are known to have (``--probe FILE.npz``)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
import torch
from torch import Tensor

from ..architecture.graph import Graph
from ..architecture.tree import Input, walk
from ..diagnostics import Diagnostics, did_you_mean
from .inputs import Sample, batches

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Probe:
    """``inputs`` by the model's names, batch axis first; ``expected`` outputs by name (may be empty)."""

    path: str
    count: int
    inputs: Mapping[str, Array] = field(repr=False)
    expected: Mapping[str, Array] = field(repr=False)

    def batches(self, first: int, rows: int) -> int:
        """How many batches ``samples`` gives."""
        first = min(first, rows, self.count)
        return 1 + len(range(first, self.count, rows))

    def samples(self, first: int, rows: int) -> Iterator[Sample]:
        """Consecutive batches of at most ``rows`` rows; the first is full and has at most ``first``."""
        first = min(first, rows, self.count)
        for start, stop in [(0, first), *batches(first, self.count, rows)]:
            inputs = {name: torch.tensor(values[start:stop]) for name, values in self.inputs.items()}
            yield Sample("probe", stop - start, inputs, first=start, full=start == 0)

    def wanted(self, sample: Sample) -> dict[str, Tensor]:
        """The expected outputs of a batch, as float64."""
        rows = slice(sample.first, sample.first + sample.batch)
        return {name: torch.tensor(values[rows], dtype=torch.float64) for name, values in self.expected.items()}


def load_probe(path: str | Path, graph: Graph) -> Probe:
    """Read a probe and hold it against the model.

    Raises:
        FptError: the file is no ``.npz``, or its arrays do not fit the model's inputs and outputs
            (F510 to F516; all faults at once).
    """
    faults = Diagnostics()
    arrays = _read(Path(path), faults)
    faults.check()
    inputs = {name: arrays[name] for name in graph.inputs if name in arrays}
    expected = {name: arrays[name] for name in arrays if name not in inputs and name in graph.outputs}
    if "output" in arrays and "output" not in inputs and len(graph.outputs) == 1:
        expected[next(iter(graph.outputs))] = arrays["output"]
    _check_names(arrays, inputs, expected, graph, faults, str(path))
    for name, values in inputs.items():
        _check_array(name, values, graph.inputs[name].dtype, _declared(graph, name), faults, str(path))
    for name, values in expected.items():
        _check_expected(name, values, graph.outputs[name].shape, faults, str(path))
    counts = {name: len(values) for name, values in {**inputs, **expected}.items() if values.ndim}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"`{name}` {count}" for name, count in counts.items())
        faults.add(
            "F515",
            f"the arrays do not have the same number of rows: {listed}",
            path=str(path),
            hint="the first axis of every array is the batch",
        )
    elif counts and not next(iter(counts.values())):
        faults.add("F515", "the probe holds no rows", path=str(path), hint="the first axis of every array is the batch")
    faults.check()
    return Probe(str(path), next(iter(counts.values())), inputs, expected)


def _read(path: Path, faults: Diagnostics) -> dict[str, Array]:
    hint = "a probe is written by numpy.savez(FILE, name_of_the_input=array), with plain numbers and no objects"
    try:
        if path.is_file() and not is_zipfile(path):
            faults.add("F510", f"{path.name} is no .npz file", path=str(path), hint=hint)
            return {}
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        faults.add("F510", f"there is no file {path}", path=str(path))
    except (OSError, ValueError, EOFError, BadZipFile, KeyError, RuntimeError, MemoryError, zlib.error) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        faults.add("F510", f"{path.name} cannot be read as .npz: {first}", path=str(path), hint=hint)
    return {}


def _check_names(
    arrays: Mapping[str, Array],
    inputs: Mapping[str, Array],
    expected: Mapping[str, Array],
    graph: Graph,
    faults: Diagnostics,
    path: str,
) -> None:
    spare = [name for name in arrays if name not in inputs and name not in expected and name != "output"]
    for name in graph.inputs:
        if name not in inputs:
            near = did_you_mean(name, spare)
            found = ", ".join(f"`{n}`" for n in arrays) or "no arrays"
            faults.add(
                "F511",
                f"there is no array `{name}` for the model's input; the probe holds {found}",
                path=path,
                hint=near or f"name the array `{name}`",
            )
    known = [*graph.inputs, *graph.outputs]
    for name in arrays:
        if name in inputs or name in expected or (name == "output" and len(graph.outputs) == 1):
            continue
        outputs = ", ".join(f"`{n}`" for n in known)
        faults.add(
            "F512",
            f"`{name}` is neither an input nor an output of the model",
            path=path,
            hint=did_you_mean(name, known) or f"the model knows {outputs}",
        )


def _check_expected(name: str, values: Array, shape: tuple[int | str, ...], faults: Diagnostics, path: str) -> None:
    if np.issubdtype(values.dtype, np.floating):
        _check_array(name, values, "float", shape, faults, path)
        return
    message = f"`{name}` is {values.dtype}, and the model gives float there"
    hint = "the expected output is what the old network gives (its logits, say), not labels; or leave it out"
    faults.add("F514", message, path=path, hint=hint)


def _check_array(
    name: str, values: Array, kind: str, shape: tuple[int | str, ...], faults: Diagnostics, path: str
) -> None:
    wanted = np.floating if kind == "float" else np.integer
    if not np.issubdtype(values.dtype, wanted):
        hint = "give what the network sees, after the normalisation, as float32" if kind == "float" else None
        faults.add("F514", f"`{name}` is {values.dtype}, the model has {kind} there", path=path, hint=hint)
    got = values.shape[1:]
    fits = values.ndim == len(shape) + 1 and all(isinstance(n, str) or n == m for n, m in zip(shape, got, strict=True))
    if not fits:
        listed = ", ".join(str(n) for n in ("batch", *shape))
        faults.add("F513", f"`{name}` has the shape {tuple(values.shape)}, the model has ({listed}) there", path=path)
    elif np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        faults.add("F516", f"`{name}` holds NaN or infinite values", path=path)


def _declared(graph: Graph, name: str) -> tuple[int | str, ...]:
    """The dims of an input as declared: names for free sizes."""
    for _, node in walk(graph.network):
        if isinstance(node, Input) and node.name == name:
            return node.dims
    return graph.inputs[name].shape
