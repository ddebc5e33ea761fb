"""Digests and comparison: what is computed matters, how it is spelled does not."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
from architecture.helpers import model, network

from fptdsl.architecture.digest import digest, same
from fptdsl.architecture.faults import Faults
from fptdsl.architecture.wiring import wire

FEATURES = "input x: float[6]\n"
BLOCK = "block B(n) { fc: linear(n); relu }\n"
BASE = BLOCK + model("layers: repeat 2 { B(6) }\nresidual { out: linear(6) }", FEATURES)


@pytest.mark.parametrize(
    "other",
    [
        model("layers: repeat 2 { fc: linear(6); relu }\nresidual { out: linear(6) }", FEATURES),
        model("layers: sequential { { fc: linear(6); relu }; { fc: linear(6); relu } }\n"
              "let h = { }\nout: linear(6)\nadd from out, h", FEATURES).replace("let h = { }\n", "").replace(
                  "out: linear(6)\nadd from out, h", "residual { out: linear(6) } shortcut { }"),
        "# a comment\nblock C(n, m) { fc: linear(n * m); relu }\n"
        + model("layers: repeat 2 as i { C(2, 3) }\n{ out: linear(6); add from out, input }", FEATURES),
    ],
)  # fmt: skip
def test_spelling_does_not_matter(other: str) -> None:
    assert same(network(BASE), network(other)) is None
    assert digest(network(BASE)) == digest(network(other))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("layers: repeat 2 { B(7) }\nresidual { out: linear(6) }", "`out_features` of `layers.0.fc` is 6 in the first"),
        ("layers: repeat 3 { B(6) }\nresidual { out: linear(6) }", "`layers.2.fc` (linear) in the second"),
        ("layer: repeat 2 { B(6) }\nresidual { out: linear(6) }", "(linear) in the first is `layer.0.fc`"),
        ("layers: repeat 2 { B(6) }\nresidual { out: linear(6) }\nrelu", "only the second has `relu`"),
        ("layers: repeat 2 { B(6) }\nout: linear(6)\nadd from out, x", "`residual sum` takes"),
        ("layers: repeat 2 { B(6) }\nresidual { out: linear(6) }\noutput layers", "the outputs are"),
    ],
)
def test_the_first_difference_is_told(body: str, words: str) -> None:
    other = network("block B(n) { fc: linear(n); relu }\n" + model(body, FEATURES))
    difference = same(network(BASE), other)
    assert difference is not None
    assert words in difference
    assert digest(network(BASE)) != digest(other)


def test_inputs_and_shared_weights_count() -> None:
    shared = model("a: linear(6)\nb: linear(6)\nreuse a", FEATURES)
    other = model("a: linear(6)\nb: linear(6)\nreuse b", FEATURES)
    assert "shares the weights of `a` in the first" in str(same(network(shared), network(other)))
    wider = network(BASE.replace("float[6]", "float[7]"))
    assert "inputs" in str(same(network(BASE), wider))


def test_a_digest_is_stable() -> None:
    value = digest(network(model("fc: linear(3)", FEATURES)))
    assert len(value) == 64
    assert value == digest(network(model("fc: linear(3)  # the same", FEATURES)))


# --- the wiring that elaboration, lowering and comparison share ----------------------------------------------


def test_a_network_is_wired_once() -> None:
    made = network(BASE)
    assert wire(made, Faults()) is wire(made, Faults())
    assert wire(made, Faults()) is not wire(network(BASE), Faults())


def test_faults_are_told_each_time() -> None:
    sound = network(BASE)
    broken = replace(sound, body=sound.body[1:])
    for _ in range(2):
        faults = Faults()
        wire(broken, faults)
        assert {fault.code for fault in faults.diagnostics.errors} == {"F232"}


def test_a_network_that_nobody_uses_is_not_kept() -> None:
    made = network(BASE)
    digest(made)
    seen = weakref.ref(made)
    del made
    gc.collect()
    assert seen() is None
