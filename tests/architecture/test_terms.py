"""Unification of axis terms, held against what it means: old units land at the same places on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fptdsl.architecture import terms
from fptdsl.architecture.terms import UNIT, Cat, Mismatch, Prod, Space, Term, resolve, size, spaces, unify


def grown(term: Term, growth: dict[Space, int]) -> list[int | None]:
    """For every unit after growth its index before, or None for a new one; new units are appended."""
    term = resolve(term)
    if isinstance(term, Space):
        return [*range(term.size), *[None] * growth.get(term, 0)]
    if isinstance(term, Prod):
        result: list[int | None] = [0]
        for factor in term.factors:
            inner, n = grown(factor, growth), size(factor)
            result = [None if a is None or b is None else a * n + b for a in result for b in inner]
        return result
    result, offset = [], 0
    for part in term.parts:
        result += [None if i is None else offset + i for i in grown(part, growth)]
        offset += size(part)
    return result


def growths(*pair: Term) -> list[dict[Space, int]]:
    """Each growable Space alone, and all of them by different amounts."""
    free = list(dict.fromkeys(s for term in pair for s in spaces(term) if s.frozen is None))
    return [{s: 2} for s in free] + [{s: i + 1 for i, s in enumerate(free)}]


def assert_one(*pair: Term) -> None:
    left, right = pair
    for growth in growths(left, right):
        assert grown(left, growth) == grown(right, growth), (left, right, growth)


@st.composite
def term_of(draw: st.DrawFn, units: int, depth: int = 2) -> Term:
    """A term of ``units`` units, built from fresh Spaces."""
    kinds = ["space"]
    divisors = [d for d in range(1, units + 1) if units % d == 0]
    if depth:
        kinds += ["prod"] + (["cat"] if units > 1 else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "prod":
        outer = draw(st.sampled_from(divisors))
        return terms.prod([draw(term_of(outer, depth - 1)), draw(term_of(units // outer, depth - 1))])
    if kind == "cat":
        first = draw(st.integers(1, units - 1))
        return terms.cat([draw(term_of(first, depth - 1)), draw(term_of(units - first, depth - 1))])
    return Space(units, f"s{units}", draw(st.integers(0, 9)))


@st.composite
def same_size(draw: st.DrawFn, count: int) -> list[Term]:
    units = draw(st.sampled_from([1, 2, 4, 6, 8, 12]))
    return [draw(term_of(units)) for _ in range(count)]


@settings(max_examples=400, deadline=None)
@given(same_size(2))
def test_unified_axes_grow_alike(pair: list[Term]) -> None:
    before = [size(term) for term in pair]
    unify(pair[0], pair[1], "here")
    assert [size(term) for term in pair] == before
    assert_one(*pair)


@settings(max_examples=300, deadline=None)
@given(same_size(4), st.permutations([(0, 1), (1, 2), (2, 3)]))
def test_chains_of_ties_hold_together(four: list[Term], order: list[tuple[int, int]]) -> None:
    for left, right in order:
        unify(four[left], four[right], "here")
    for left in range(3):
        assert_one(four[left], four[left + 1])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8), st.randoms())
def test_order_of_ties_between_spaces_does_not_matter(ties: list[tuple[int, int]], random) -> None:
    def groups(pairs: list[tuple[int, int]]) -> tuple[list[str], list[set[int]]]:
        made = [Space(8, f"layer{i}", i) for i in range(6)]
        for left, right in pairs:
            unify(made[left], made[right], "sum")
        ends = [resolve(space) for space in made]
        return [end.home for end in ends], [{j for j, other in enumerate(ends) if other is end} for end in ends]

    shuffled = list(ties)
    random.shuffle(shuffled)
    assert groups(ties) == groups(shuffled)


def test_the_earliest_space_names_the_group_and_keeps_the_causes() -> None:
    late, early = Space(16, "conv2", 5), Space(16, "conv1", 1)
    unify(late, early, "layer1.0 (residual sum)")
    assert resolve(late) is early
    assert early.causes == ["layer1.0 (residual sum)"]


def test_sizes_that_differ_are_a_mismatch() -> None:
    with pytest.raises(Mismatch) as caught:
        unify(Space(16), Space(32), "here")
    assert (caught.value.left, caught.value.right) == (16, 32)


def test_option_a_shortcut_refines_the_body() -> None:
    stream, body = Space(16, "conv1", 0), Space(32, "layer2.0.conv2", 3)
    pads = Space(8, "pad", 2), Space(8, "pad", 2)
    unify(body, Cat((pads[0], stream, pads[1])), "layer2.0 (residual sum)")
    assert resolve(body) == Cat((pads[0], stream, pads[1]))


def test_flatten_is_tied_factor_by_factor() -> None:
    channels, h, w, other = Space(8), Space(3), Space(3), Space(72)
    unify(other, Prod((channels, h, w)), "here")
    assert list(spaces(other)) == [channels, h, w]


def test_a_concatenation_of_groups_splits_part_by_part() -> None:
    a, b = Space(8, "a"), Space(4, "b")
    pair = terms.split_outer(Cat((a, b)), 6, "here")
    assert pair is not None
    assert [size(term) for term in pair] == [6, 2]
    assert_one(Cat((a, b)), Prod(pair))


def test_a_factor_of_one_that_the_other_side_lacks_cannot_grow() -> None:
    one = Space(1)
    unify(Prod((Space(2), Space(3), one)), Prod((Space(3), Space(2))), "here")
    assert one.frozen is not None


def test_freezing_passes_to_what_is_bound() -> None:
    a, b, c = Space(4, frozen="model output"), Space(2, order=1), Space(2, order=1)
    unify(a, Prod((b, c)), "here")
    assert b.frozen == c.frozen == "model output"


def test_a_space_that_contains_itself_is_frozen() -> None:
    a, one = Space(4), Space(1)
    unify(a, Prod((a, one)), "here")
    assert a.frozen is not None
    assert one.frozen is not None


def test_size_one_against_the_unit() -> None:
    one = Space(1)
    unify(one, UNIT, "here")
    assert list(spaces(one)) == []


def test_chains_as_long_as_the_network_need_no_recursion() -> None:
    chain = [Space(4, order=i) for i in range(5000)]
    for left, right in zip(reversed(chain[1:]), reversed(chain[:-1])):
        unify(left, right, "here")
    assert resolve(chain[-1]) is chain[0]
