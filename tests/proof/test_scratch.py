"""Buffers that are used again: a piece stays as it is while the next one is made."""

from __future__ import annotations

import torch

from fptdsl.proof.scratch import Scratch


def test_a_piece_is_valid_while_the_next_is_made() -> None:
    scratch = Scratch()
    kept = []
    for number in range(5):
        scratch.turn()
        first, second = scratch.empty(torch.Size([3, 4])), scratch.empty(torch.Size([2]))
        first.fill_(number)
        second.fill_(-number)
        assert bool((first == number).all())
        assert bool((second == -number).all())
        if kept:
            assert bool((kept[-1] == number - 1).all())
        kept.append(first)
    assert kept[4].data_ptr() == kept[2].data_ptr() != kept[3].data_ptr()


def test_a_larger_piece_gets_memory_of_its_own() -> None:
    scratch = Scratch()
    scratch.turn()
    assert scratch.empty(torch.Size([2, 2])).shape == (2, 2)
    scratch.turn()
    scratch.turn()
    large = scratch.empty(torch.Size([5, 7]))
    assert large.shape == (5, 7)
    assert large.dtype == torch.float64
    assert scratch.empty(torch.Size([])).shape == ()
