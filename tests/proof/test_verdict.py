"""What may be said and published, class by class."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf

import pytest

from fptdsl.diagnostics import FptError
from fptdsl.proof.verdict import Reproduction, may_publish
from fptdsl.proof.verify import verify


@pytest.fixture
def different(bn_net, graph_of, weights_for):
    """Old and new with other weights, judged as any class."""
    graph = graph_of(bn_net)
    old, new = weights_for(graph, 0), weights_for(graph, 1)
    return lambda exactness: verify(
        graph, old.__getitem__, graph, new.__getitem__, file_dtype="float32", exactness=exactness
    )


@pytest.mark.parametrize("exactness", ["bitwise", "exact", "eval-only"])
def test_preserving_classes_are_published_only_when_verified(exactness, different):
    verdict = different(exactness)
    assert not verdict.passed
    assert not may_publish(exactness, verdict)
    assert verdict.wording.startswith("Different")


@pytest.mark.parametrize("exactness", ["approximate", "baseline"])
def test_other_classes_are_measured_and_never_called_preserving(exactness, different):
    verdict = different(exactness)
    assert verdict.passed
    assert verdict.gates == ()
    assert may_publish(exactness, verdict)
    assert verdict.max_relative_error > 0.1
    assert "preserving" not in verdict.wording.lower()


def test_an_approximation_without_a_figure_is_not_published(different):
    verdict = replace(different("approximate"), max_relative_error=inf, passed=False)
    assert not may_publish("approximate", verdict)
    assert may_publish("baseline", verdict)


def test_nothing_is_published_when_the_probe_is_not_reproduced(different):
    verdict = replace(different("approximate"), reproduction=Reproduction(0.1, 1e-5, "float32"))
    assert not may_publish("approximate", verdict)
    assert not may_publish("baseline", verdict)


def test_the_document_is_plain_json(different):
    for exactness in ("exact", "approximate"):
        verdict = different(exactness)
        document = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
        assert document["passed"] is verdict.passed
        assert document["max_relative_error"] == verdict.max_relative_error
        assert document["dtype"] == "float32"
        assert document["storage_drift"] is None
        assert len(document["inputs"]) == 2
        for gate in document["gates"]:
            assert gate.keys() == {"name", "error", "limit", "basis", "passed"}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (("float[3, 8, 8]", "float[3, 10, 10]"), ["F501"]),
        (("input image", "input picture"), ["F501", "F501"]),
        (("fc2: linear(5)", "fc2: linear(6)"), ["F502"]),
        (("fc2: linear(5)", "fc2: linear(5)\n output a: fc2\n output b: fc1"), ["F502", "F502", "F502"]),
    ],
)
def test_networks_with_other_inputs_or_outputs_are_refused(change, codes, bn_net, graph_of, weights_for):
    old, new = graph_of(bn_net), graph_of(bn_net.replace(*change))
    with pytest.raises(FptError) as caught:
        verify(old, weights_for(old).__getitem__, new, weights_for(new).__getitem__, file_dtype="float32")
    assert [d.code for d in caught.value.diagnostics] == codes
