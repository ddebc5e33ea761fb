"""Calls side by side: results in order, settings as before, errors not lost."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from fptdsl.proof.threads import SMALL, Workers


@pytest.fixture(params=[1, 3])
def workers(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    try:
        with Workers() as found:
            assert torch.get_num_threads() == 1
            yield found
        assert torch.get_num_threads() == request.param
    finally:
        torch.set_num_threads(before)


def fail():
    raise ValueError("no")


def test_results_come_in_order(workers):
    tasks = [partial(pow, n, 2) for n in range(20)]
    wanted = [n * n for n in range(20)]
    assert workers.all(tasks, SMALL) == wanted
    assert workers.all(tasks, 1) == wanted
    assert list(workers.ahead(tasks)) == wanted
    assert list(workers.ahead([])) == []


def test_one_piece_is_made_ahead_and_never_two_at_a_time(workers):
    running, most, made = [], [], []

    def make(n):
        running.append(n)
        most.append(len(running))
        made.append(n)
        running.remove(n)
        return n

    for n in workers.ahead([partial(make, n) for n in range(30)]):
        assert len(made) <= n + 2
    assert made == list(range(30))
    assert max(most) == 1


def test_errors_are_raised_where_results_are_used(workers):
    with pytest.raises(ValueError, match="no"):
        workers.all([fail, fail], SMALL)
    with pytest.raises(ValueError, match="no"):
        list(workers.ahead([partial(int, 1), fail]))
