"""The sweep over every Space and place: exact or refused with a reason, none wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from growth.support import graph_of
from growth.sweep import NETWORKS, Cell, Subject, sweep
from growth.sweep_places import CONTROL, asks
from growth.sweep_report import report

REASONS = {"F304", "F306", "F310", "F320", "F321", "F322", "F323"}
"""Frozen units, indivisible sizes, method not legal, nothing to deepen, no identity, shape changes, one branch."""
KEPT_AT_LEAST = {"mlp": 70, "lenet": 80, "maxout_mlp": 40, "lstm_text": 20, "gru_text": 20, "resnet_cifar A": 120}
FAST = ("mlp", "lenet", "maxout_mlp", "lstm_text", "gru_text")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The networks are too small for more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def hold(name: str) -> None:
    cells = list(sweep(name))
    bounds = Subject(name).bounds()
    for cell in cells:
        assert bool(cell.refusal) == bool(cell.reason), cell
        assert not cell.refusal or cell.refusal in REASONS, cell
    _, wrong = report({name: cells}, {name: bounds}, every=False)
    assert wrong == []
    assert sum(not cell.refusal for cell in cells) >= KEPT_AT_LEAST.get(name, 80)
    controls = [cell for cell in cells if cell.transform.endswith(f", {CONTROL}") and not cell.refusal]
    assert controls
    assert [cell for cell in controls if not cell.error > 100 * bounds.unrounded] == []


@pytest.mark.parametrize("name", FAST)
def test_small_networks(name: str) -> None:
    hold(name)


@pytest.mark.sweep
@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in FAST])
def test_all_networks(name: str) -> None:
    hold(name)


@pytest.mark.parametrize("name", ["resnet_cifar A", "googlenet"])
def test_every_place_is_counted_once(name: str) -> None:
    spec, settings = NETWORKS[name]
    graph, _ = graph_of(spec, settings=settings)
    some, every = list(asks(graph)), list(asks(graph, every=True))
    assert {ask.directive for ask in some} < {ask.directive for ask in every}
    assert sum(ask.places for ask in some) == sum(ask.places for ask in every)


def test_alike_places_are_asked_once() -> None:
    graph, _ = graph_of("resnet_cifar", settings={"n": 5})
    widened = {ask.directive: ask.places for ask in asks(graph) if ask.transform == "widen, r2r"}
    # Inside the blocks two convolutions follow each other wherever the block is; streams differ by what writes them.
    assert max(widened.values()) >= 12
    assert "widen layer1.0.conv1 by 5 using r2r" in widened
    assert "widen layer1.1.conv1 by 5 using r2r" not in widened
    assert len(widened) < 8


def test_a_wrong_cell_is_reported() -> None:
    cells = list(sweep("gru_text"))
    kept = next(cell for cell in cells if cell.judged and cell.exactness == "exact")
    broken = Cell(kept.network, kept.directive, kept.transform, kept.places, "exact", 1e-9, 1e-9)
    text, wrong = report({"gru_text": [*cells, broken]}, {"gru_text": Subject("gru_text").bounds()}, every=False)
    assert wrong == [broken]
    assert "1 wrong.**" in text
