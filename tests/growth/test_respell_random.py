"""The grown spec under random growth: always the grown network, written with the user's definitions."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from growth.respell_specs import RESNET, SPECS
from growth.respell_tools import document, edited, with_args, with_elements
from hypothesis import given, settings
from hypothesis import strategies as st

from fptdsl.architecture import elaborate
from fptdsl.architecture.digest import same
from fptdsl.architecture.elaborate import check_keys
from fptdsl.architecture.faults import Faults
from fptdsl.architecture.tree import Layer, Network, Scope, Tree
from fptdsl.growth.edit_tree import clone
from fptdsl.growth.respell import respell
from fptdsl.growth.respell.check import difference
from fptdsl.growth.respell.layout import laid_out, reads_as
from fptdsl.growth.respell.pretty import pretty_file

SIZES = ("out_channels", "out_features", "num_groups", "before")


def grown_at_random(network: Network, chance: random.Random) -> Network:
    """Some layers wider, new elements in numbered scopes, siblings after some children."""

    def edit(name: str, node: Tree) -> Tree:
        if isinstance(node, Layer):
            return wider(node, chance) if chance.random() < 0.15 else node
        if not isinstance(node, Scope) or not node.children:
            return node
        children = list(node.children)
        if node.numbered and chance.random() < 0.3:
            for _ in range(chance.randint(1, 2)):
                model = chance.choice(children)
                if model.key is None and model.let is None:
                    children.insert(chance.randint(0, len(children)), clone(model))
        elif node.kind != "parallel" and chance.random() < 0.1:
            place = chance.randrange(len(children))
            model = children[place]
            if model.let is None and (model.key is not None or isinstance(model, Layer)):
                children.insert(place + 1, clone(model, key=f"{model.key}_1" if model.key else None))
        return replace(node, children=tuple(children))

    return edited(network, edit)


def wider(node: Layer, chance: random.Random) -> Layer:
    args = dict(node.args)
    for name in SIZES:
        if name in args:
            args[name] *= chance.choice([1, 2, 3, 4])
    return replace(node, args=type(node.args)(**args))


def sound(network: Network) -> bool:
    faults = Faults()
    check_keys(network.body, faults)
    return not faults


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_random_growth_twice(name: str, seed: int) -> None:
    chance = random.Random(seed)
    spec = document(SPECS[name])
    for _ in range(2):
        old = elaborate(spec)
        grown = grown_at_random(old, chance)
        if not sound(grown):
            return
        file = pretty_file(spec, old, grown)
        text = laid_out(spec, file)
        assert reads_as(text, file)
        assert difference(text, grown) is None
        assert respell(spec, old, grown) == text
        spec = document(text)


def test_a_thousand_layers_take_less_than_a_second() -> None:
    spec = document(RESNET.replace("n = 3", "n = 200"))
    old = elaborate(spec)
    wider: dict[str, dict[str, int]] = {}
    for number in range(200):
        wider[f"layer2.{number}.conv1"] = wider[f"layer2.{number}.conv2"] = {"out_channels": 64}
        wider[f"layer3.{number}.conv2"] = {"out_channels": 96}
    grown = with_elements(with_args(old, wider), "layer3", [7, 9])
    start = time.process_time()
    text = respell(spec, old, grown)
    assert time.process_time() - start < 2.0  # about 0.3 s; the bound leaves room for a slow machine
    assert same(elaborate(document(text)), grown) is None
    assert len(text.splitlines()) < 40
