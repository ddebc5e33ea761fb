"""Terms, events and faults of the operations of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.terms import Cat, Prod, Space, Term, resolve, spaces
from fptdsl.diagnostics import FptError
from fptdsl.language import load


def graph_of(tmp_path: Path, body: str) -> Graph:
    path = tmp_path / "m.fpt"
    path.write_text(f"model M {{\n{body}\n}}")
    return lower(elaborate(load(path)))


def fault(tmp_path: Path, body: str) -> tuple[str, str]:
    with pytest.raises(FptError) as caught:
        graph_of(tmp_path, body)
    first = caught.value.diagnostics[0]
    return first.code, first.message


def sizes(term: Term) -> Any:
    term = resolve(term)
    if isinstance(term, Space):
        return term.size
    return ("x", *map(sizes, term.factors)) if isinstance(term, Prod) else ("+", *map(sizes, term.parts))


GROUPED = """
  input x: float[seq, 12]
  q: linear(24)
  let a = split_heads(6)
  k: linear({kv} * 4) from x
  let b = split_heads({kv})
  v: linear({kv} * 5) from x
  let c = split_heads({kv})
  attention(causal=true) from a, b, c
  o: linear(12)
"""


def rows(graph: Graph, layer: str) -> Term:
    return graph.tensors[f"{layer}.weight"].axes[0]


@pytest.mark.parametrize(
    ("kv", "q", "k", "v"),
    [
        (2, ("x", 2, 3, 4), ("x", 2, 4), ("x", 2, 5)),
        (1, ("x", 1, 6, 4), ("x", 1, 4), ("x", 1, 5)),
        (6, ("x", 6, 4), ("x", 6, 4), ("x", 6, 5)),
    ],
)
def test_query_heads_are_groups_of_key_heads(tmp_path: Path, kv: int, q: Any, k: Any, v: Any) -> None:
    graph = graph_of(tmp_path, GROUPED.format(kv=kv))
    assert (sizes(rows(graph, "q")), sizes(rows(graph, "k")), sizes(rows(graph, "v"))) == (q, k, v)
    groups = {next(iter(spaces(rows(graph, layer)))) for layer in "qkv"}
    assert len(groups) == 1, "the groups of queries are the heads of keys and values"
    assert sizes(graph.tensors["o.weight"].axes[1]) == (*q[:-1], 5)
    assert [event.kind for event in graph.events] == ["actdot", "heads"]
    assert sizes(graph.events[0].term) == 4
    assert all(space.frozen is None for layer in "qkv" for space in spaces(rows(graph, layer)))


def test_blocks_of_a_fused_projection_are_its_parts(tmp_path: Path) -> None:
    body = """
      input x: float[seq, 12]
      qkv: linear(32)
      narrow(-1, 0, 16)
      let q = split_heads(4)
      narrow(-1, 16, 8) from qkv
      let k = split_heads(2)
      narrow(-1, 24, 8) from qkv
      let v = split_heads(2)
      attention from q, k, v
    """
    graph = graph_of(tmp_path, body)
    assert sizes(rows(graph, "qkv")) == ("+", ("x", 2, 2, 4), ("x", 2, 4), ("x", 2, 4))
    by_start = {node.args.start: node for node in graph.nodes if node.op == "narrow"}  # type: ignore[attr-defined]
    assert set(by_start[0].sizes) == {"length"}
    assert sizes(by_start[24].sizes["start"]) == ("+", ("x", 2, 2, 4), ("x", 2, 4))


def test_heads_that_hold_their_own_queries_keys_and_values(tmp_path: Path) -> None:
    body = """
      input x: float[seq, 12]
      qkv: linear(36)
      let each = split_heads(3)
      let q = narrow(-1, 0, 4)
      let k = narrow(-1, 4, 4) from each
      let v = narrow(-1, 8, 4) from each
      attention from q, k, v
    """
    term = resolve(rows(graph_of(tmp_path, body), "qkv"))
    assert sizes(term) == ("x", 3, ("+", 4, 4, 4))
    assert isinstance(term, Prod)
    inner = resolve(term.factors[1])
    assert isinstance(inner, Cat)
    assert inner.parts[0] is inner.parts[1], "queries and keys have one size"
    assert inner.parts[2] is not inner.parts[0]


@pytest.mark.parametrize(("dim", "frozen"), [("", [True]), ("dim=4", [True, False])])
def test_rotary_freezes_the_units_that_it_turns(tmp_path: Path, dim: str, frozen: list[bool]) -> None:
    graph = graph_of(tmp_path, f"input x: float[seq, 12]\n q: linear(16)\n split_heads(2)\n rotary({dim})")
    _, *parts = spaces(rows(graph, "q"))
    reasons = [part.frozen == "inv_freq depends on head_dim" for part in parts]
    assert reasons[0] is True
    assert len(reasons) == len(frozen)


def test_a_tied_head_shares_the_table_and_says_so(tmp_path: Path) -> None:
    body = 'input ids: int[seq]\n table: embedding(9, 6)\n norm: rmsnorm\n head: tied_linear("table")'
    graph = graph_of(tmp_path, body)
    assert list(graph.tensors) == ["table.weight", "norm.weight"]
    node = graph.nodes[-1]
    assert node.reused == "table"
    assert node.tensors["weight"] is graph.tensors["table.weight"]
    assert {event.kind for event in graph.events} == {"mean", "tied"}
    assert graph.outputs["output"].shape[-1] == 9


def test_tokens_write_into_the_stream(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "input x: float[3, 8]\n e: linear(6)\n cls: class_token\n pos: position_table")
    stream = resolve(rows(graph, "e"))
    for name in ("cls", "pos"):
        tensor = graph.tensors[name]
        assert resolve(tensor.axes[2]) is stream
        assert tensor.roles == ("fixed", "fixed", "writes")
    assert graph.tensors["pos"].shape == (1, 4, 6)


def test_the_weight_of_a_transposed_linear_has_its_units_last(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, "input x: float[seq, 8]\n a: linear(6)\n b: transposed_linear(4)")
    tensor = graph.tensors["b.weight"]
    assert tensor.roles == ("reads", "writes")
    assert resolve(tensor.axes[0]) is resolve(rows(graph, "a"))


X = "input x: float[seq, 12]\n input y: float[seq, 8]\n input ids: int[seq]\n"
HEADS = X + "let a = split_heads(3) from x\n let b = split_heads(2) from y\n let c = split_heads(2) from x\n"

FAULTS = [
    (X + "split_heads(5) from x", "F252", "12 units into 5 equal heads"),
    (HEADS + "attention from a, b", "F223", "queries, keys and values"),
    (HEADS + "attention from x, x, x", "F250", "[positions, heads, head_dim]"),
    (HEADS + "attention from a, b, c", "F252", "3 query heads for 2 key heads"),
    (HEADS + "attention from c, b, b", "F255", "[seq, 2, 6] and [seq, 2, 4]"),
    (HEADS + "attention from a, a, a, c", "F255", "the bias of `attention`"),
    (HEADS + "attention(window=3) from a, a, a", "F218", "window needs causal=true"),
    (HEADS + "attention(scale=1.0, scale_dim=4.0) from a, a, a", "F218", "either scale or scale_dim"),
    (X + "rotary from x", "F250", "[positions, heads, head_dim]"),
    (HEADS + "rotary(dim=6) from a", "F252", "cannot turn 6 of 4"),
    (HEADS + "rotary(dim=3) from a", "F218", "dim must be even"),
    (HEADS + 'rotary(scaling="dynamic") from a', "F218", "'dynamic'"),
    (HEADS + 'rotary(scaling="longrope") from a', "F218", "short_factor"),
    (X + "narrow(2, 8, 5) from x", "F256", "has 12"),
    (X + "narrow(1, 0, 5) from x", "F256", "has seq"),
    (X + 't: tied_linear("e") from x', "F224", "no layer `e`"),
    (X + 'n: layernorm from x\n t: tied_linear("n")', "F224", "no weight of two axes"),
    (X + 'e: embedding(9, 6) from ids\n t: tied_linear("e") from x', "F241", "6 with one of 12"),
    (X + "full_like(0) from x", "F254", "takes integers"),
    (X + "c: class_token from ids", "F254", "numbers with a fraction"),
    (X + "p: position_table from x", "F242", "free size seq"),
    (X + "relative_position_bias(4, 8, 2) from x, y", "F219", "needs a key"),
    (X + "b: relative_position_bias(4, 8, 2) from x, y", "F218", "max_distance must be above"),
]


@pytest.mark.parametrize(("body", "code", "words"), FAULTS, ids=[case[0].rpartition("\n")[2] for case in FAULTS])
def test_faults(tmp_path: Path, body: str, code: str, words: str) -> None:
    found, message = fault(tmp_path, body)
    assert found == code, message
    assert words in message.replace('"', "'")


@pytest.mark.parametrize(
    ("op", "given"),
    [("split_heads", {"heads": 0}), ("rotary", {"theta": 0.0}), ("softcap", {"cap": 0.0}), ("positions", {"start": -1}),
     ("attention", {"causal": 1}), ("multiply", {"factor": float("nan")})],
)  # fmt: skip
def test_arguments(op: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OPERATIONS[op].Args.model_validate(given)
