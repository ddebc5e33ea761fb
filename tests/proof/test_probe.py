"""Probes: real inputs, expected outputs, and everything that can be wrong with the file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fptdsl.diagnostics import FptError
from fptdsl.modules import build
from fptdsl.proof.probe import load_probe
from fptdsl.proof.verify import verify

IMAGES = np.random.default_rng(0).normal(size=(70, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def net(bn_net, graph_of, weights_for):
    graph = graph_of(bn_net)
    return graph, weights_for(graph)


@pytest.fixture
def outputs(net):
    """What torch computes in float32."""
    graph, state = net
    module = build(graph).eval()
    module.load_state_dict(state)
    with torch.no_grad():
        return module(torch.from_numpy(IMAGES)).numpy()


@pytest.fixture
def probed(net, tmp_path):
    def check(state=None, graph=None, progress=None, **arrays):
        np.savez(tmp_path / "probe.npz", **arrays)
        state = state or net[1]
        return verify(
            graph or net[0],
            state.__getitem__,
            graph or net[0],
            state.__getitem__,
            file_dtype="float32",
            probe=tmp_path / "probe.npz",
            progress=progress,
        )

    return check


def test_inputs_alone_leave_the_verdict_relative_to_the_spec(probed):
    verdict = probed(image=IMAGES)
    assert verdict.passed
    assert verdict.reproduction is None
    assert verdict.wording.endswith("relative to this spec")
    assert [(row.source, row.first, row.batch) for row in verdict.rows[2:]] == [("probe", 0, 32), ("probe", 32, 38)]
    assert verdict.rows[2].response is not None
    assert verdict.rows[3].response is None


def test_expected_outputs_are_reproduced(probed, outputs):
    verdict = probed(image=IMAGES, output=outputs)
    assert verdict.passed
    assert verdict.reproduction.dtype == "float32"
    assert verdict.reproduction.error < 2e-6 < verdict.reproduction.tolerance
    assert "the old network gives the expected outputs" in verdict.wording
    assert "relative to this spec" not in verdict.wording


@pytest.mark.parametrize("eps", ["1e-3", "1e-4"])
def test_a_wrong_eps_in_the_spec_is_seen(eps, probed, outputs, bn_net, graph_of):
    verdict = probed(
        graph=graph_of(bn_net.replace("batchnorm2d", f"batchnorm2d(eps={eps})")), image=IMAGES, output=outputs
    )
    assert not verdict.passed
    assert verdict.max_relative_error == 0, "old and new agree with each other"
    assert "does not give the expected outputs" in verdict.reasons[0]


def test_wrong_normalisation_of_the_inputs_is_seen(probed, outputs):
    assert not probed(image=IMAGES * 1.01, output=outputs).passed


def test_a_fault_that_only_some_real_inputs_show(net, tmp_path, weights_for):
    """Random inputs never reach a unit that is on only for large values; the 60th image does."""
    graph, state = net
    state["conv1.weight"][0] = 1.0
    state["bn1.bias"][0] = -200.0
    new = {name: values.clone() for name, values in state.items()}
    new["conv2.weight"][:, 0] *= 2
    images = IMAGES.copy()
    assert verify(graph, state.__getitem__, graph, new.__getitem__, file_dtype="float32").passed
    images[60] = 100.0
    np.savez(tmp_path / "real.npz", image=images)
    verdict = verify(
        graph, state.__getitem__, graph, new.__getitem__, file_dtype="float32", probe=tmp_path / "real.npz"
    )
    assert not verdict.passed
    assert max(verdict.rows, key=lambda row: row.stored).first == 32


def test_progress_ends_at_its_total(probed):
    calls = []
    probed(image=IMAGES, progress=lambda done, total: calls.append((done, total)))
    assert calls == sorted(calls)
    assert len({total for _, total in calls}) == 1
    done, total = calls[-1]
    assert 0.99 * total <= done <= total


def faults(path, graph):
    with pytest.raises(FptError) as caught:
        load_probe(path, graph)
    assert all(d.path == str(path) for d in caught.value.diagnostics)
    return [(d.code, d.message, d.hint) for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("arrays", "codes", "words"),
    [
        ({"images": IMAGES}, ["F511", "F512"], "did you mean `images`?"),
        ({"image": IMAGES, "label": np.zeros(70)}, ["F512"], "`label` is neither an input nor an output"),
        ({"image": IMAGES[:, :, :7]}, ["F513"], "(70, 3, 7, 8), the model has (batch, 3, 8, 8) there"),
        ({"image": IMAGES[0]}, ["F513"], "the model has (batch, 3, 8, 8) there"),
        ({"image": np.float32(1)}, ["F513"], "the shape ()"),
        ({"image": (IMAGES * 50).astype(np.uint8)}, ["F514"], "after the normalisation"),
        ({"image": IMAGES, "output": np.zeros((70, 5), np.int64)}, ["F514"], "`output` is int64"),
        ({"image": IMAGES, "output": np.zeros((70, 6))}, ["F513"], "(batch, 5)"),
        ({"image": IMAGES, "output": np.zeros((69, 5))}, ["F515"], "`image` 70, `output` 69"),
        ({"image": IMAGES[:0]}, ["F515"], "no rows"),
        ({"image": np.where(IMAGES > 2, np.nan, IMAGES)}, ["F516"], "NaN"),
        ({}, ["F511"], "no arrays"),
        ({"image": np.array([{"a": 1}], dtype=object)}, ["F510"], "cannot be read"),
    ],
)
def test_faulty_probes(arrays, codes, words, net, tmp_path):
    np.savez(tmp_path / "probe.npz", **arrays)
    found = faults(tmp_path / "probe.npz", net[0])
    assert [code for code, _, _ in found] == codes
    assert words in str(found)


def test_files_that_are_no_probe(net, tmp_path):
    missing, text, one, folder, cut = (tmp_path / n for n in ("none.npz", "text.npz", "one.npy", "folder", "cut.npz"))
    text.write_text("hello")
    np.save(one, IMAGES)
    folder.mkdir()
    np.savez(cut, image=IMAGES)
    cut.write_bytes(cut.read_bytes()[:1000])
    for path in (missing, text, one, folder, cut):
        assert [code for code, _, _ in faults(path, net[0])] == ["F510"], path


def test_outputs_by_name(graph_of, weights_for, tmp_path):
    graph = graph_of("""
    model Two {
      input x: float[4]
      fc1: linear(6)
      fc2: linear(3)
      output hidden: fc1
      output logits: fc2
    }
    """)
    state = weights_for(graph)
    x = np.random.default_rng(1).normal(size=(5, 4))
    hidden = x @ state["fc1.weight"].double().numpy().T + state["fc1.bias"].double().numpy()
    np.savez(tmp_path / "p.npz", x=x, hidden=hidden)
    verdict = verify(graph, state.__getitem__, graph, state.__getitem__, file_dtype="float32", probe=tmp_path / "p.npz")
    assert verdict.passed
    assert verdict.reproduction.dtype == "float64"
    assert verdict.reproduction.tolerance <= 1e-9
    np.savez(tmp_path / "p.npz", x=x, output=hidden)
    assert faults(tmp_path / "p.npz", graph)[0][0] == "F512"


def test_labels_are_no_expected_outputs(probed, outputs):
    with pytest.raises(FptError) as caught:
        probed(image=IMAGES, output=outputs.argmax(1))
    fault = caught.value.diagnostics[0]
    assert fault.code == "F514"
    assert "not labels" in str(fault.hint)
