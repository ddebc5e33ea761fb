"""Relative noise: its size, and that the same name gives the same noise, whole or in pieces."""

from __future__ import annotations

import torch

from fptdsl.proof import noise


def test_size_and_zeros():
    values = torch.full((400, 50), 2.0, dtype=torch.float64)
    values[3] = 0
    moved = noise.relative_noise(values, "a", 0, 1e-3) / 2 - values / 2
    assert (moved[3] == 0).all()
    assert abs(float(moved[4:].std()) - 1e-3) < 2e-5
    assert abs(float(moved.mean())) < 2e-5


def test_pieces_are_the_whole(monkeypatch):
    values = torch.randn(7, 11, 13, dtype=torch.float64)
    whole = noise.relative_noise(values, "layer.weight", 0, 1e-3)
    pieces = [noise.relative_noise(values[i : i + 2], "layer.weight", i * 143, 1e-3) for i in range(0, 7, 2)]
    assert torch.equal(torch.cat(pieces), whole)


def test_tensors_longer_than_the_period():
    values = torch.ones(noise.PERIOD + 1000, dtype=torch.float64)
    moved = noise.relative_noise(values, "x", 0, 0.5)
    assert torch.equal(moved[:1000], moved[noise.PERIOD :])
    assert len(moved.unique()) > 990_000


def test_names_differ_and_repeat():
    values = torch.ones(100, dtype=torch.float64)
    assert torch.equal(noise.relative_noise(values, "a", 0, 1.0), noise.relative_noise(values, "a", 0, 1.0))
    assert not torch.equal(noise.relative_noise(values, "a", 0, 1.0), noise.relative_noise(values, "b", 0, 1.0))


def test_scalars():
    assert noise.relative_noise(torch.tensor(3.0, dtype=torch.float64), "s", 0, 1e-3).shape == ()
