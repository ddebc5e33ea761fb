"""Drift in the dtype of the file (V-9): reported next to that in float32, never a gate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fptdsl.architecture import Graph
from fptdsl.modules import build
from fptdsl.proof import drift
from fptdsl.proof.inputs import random_samples
from fptdsl.proof.verify import verify

State = dict[str, Tensor]


@pytest.mark.parametrize(("dtype", "size"), [(torch.bfloat16, 1e-1), (torch.float16, 1e-2)])
def test_half_precision(
    dtype: torch.dtype,
    size: float,
    bn_net: str,
    graph_of: Callable[..., Graph],
    weights_for: Callable[..., State],
    widened: Callable[[State, list[int]], State],
) -> None:
    """Against torch's own modules in that dtype."""
    old, new = graph_of(bn_net), graph_of(bn_net, width=14)
    state = weights_for(old, dtype=dtype)
    grown = widened(state, [0, 0, 3, 5, 5, 7])
    name = str(dtype).removeprefix("torch.")
    verdict = verify(old, state.__getitem__, new, grown.__getitem__, file_dtype=name)
    half = verdict.to_json()["half"]
    assert half["dtype"] == name
    assert half["skipped"] is None
    image = random_samples(old)[0].inputs["image"]

    def outputs(graph: Graph, held: State, evaluated: torch.dtype) -> Tensor:
        module = build(graph).to(evaluated).eval()
        module.load_state_dict(held)
        with torch.no_grad():
            return module(image.to(evaluated)).double()

    truth = outputs(old, state, torch.float64)
    one, other = outputs(old, state, dtype), outputs(new, grown, dtype)
    expected = {
        "drift": (other - one).abs().max() / truth.abs().max(),
        "old": (one - truth).abs().max() / truth.abs().max(),
        "new": (other - truth).abs().max() / truth.abs().max(),
    }
    for key, value in expected.items():
        assert half[key] == pytest.approx(value.item(), rel=0.5, abs=1e-4)
    assert 0 < half["old"] < size
    assert all(name not in gate.name for gate in verdict.gates)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_files_in_other_types_have_no_such_drift(
    dtype: torch.dtype, bn_net: str, graph_of: Callable[..., Graph], weights_for: Callable[..., State]
) -> None:
    graph = graph_of(bn_net)
    state = weights_for(graph, dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    assert verify(graph, state.__getitem__, graph, state.__getitem__, file_dtype=name).to_json()["half"] is None


def test_what_torch_cannot_evaluate_is_said_and_other_faults_are_not_hidden(
    bn_net: str,
    graph_of: Callable[..., Graph],
    weights_for: Callable[..., State],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = graph_of(bn_net)
    state = weights_for(graph, dtype=torch.float16)

    def check(message: str) -> dict[str, object]:
        def fail(*_: object) -> None:
            raise RuntimeError(message)

        monkeypatch.setattr(drift, "_outputs", fail)
        return verify(graph, state.__getitem__, graph, state.__getitem__, file_dtype="float16").to_json()["half"]

    half = check("\"some_kernel\" not implemented for 'Half'\nand more")
    assert half == {
        "dtype": "float16", "drift": None, "old": None, "new": None,
        "skipped": "\"some_kernel\" not implemented for 'Half'",
    }  # fmt: skip
    with pytest.raises(RuntimeError, match="another fault"):
        check("another fault")
