"""What is printed of a network in a debugger or a failed test: short, however the values are joined."""

from __future__ import annotations

from pathlib import Path

from fptdsl.api.reading import read_spec

SPEC = """
model Sums(n = 60) {
  input x: float[4]
  layers: repeat n {
    block: residual {
      fc: linear(4)
    }
  }
}
"""


def test_it_grows_with_the_network_and_not_with_its_paths(tmp_path: Path) -> None:
    """Sixty residual blocks have 2**60 paths: a node that showed what its inputs are made of would never end."""
    (tmp_path / "sums.fpt").write_text(SPEC)
    read = read_spec(tmp_path / "sums.fpt")
    node = read.graph.nodes[-1]
    assert len(repr(node)) < 1000
    assert len(repr(node.output)) < 200
    assert len(repr(read)) < 2000 * len(read.graph.nodes)
