"""Short ways from the text of a spec to its network and graph."""

from __future__ import annotations

from fptdsl.architecture import Graph, Network, elaborate, lower
from fptdsl.language import parse, syntax
from fptdsl.language.document import Document


def document(text: str) -> Document:
    """The document of a spec that uses no other file."""
    file = parse(text, "spec.fpt")
    blocks = {item.name: item for item in file.items if isinstance(item, syntax.Block)}
    model = next((item for item in file.items if isinstance(item, syntax.Model)), None)
    return Document(None, file, blocks, model, (), None, (), ())


def network(text: str, **settings: object) -> Network:
    return elaborate(document(text), settings)


def graph(text: str, **settings: object) -> Graph:
    return lower(network(text, **settings))


IMAGE = "input image: float[3, 32, 32]\n"


def model(body: str, head: str = IMAGE) -> str:
    return f"model M {{\n{head}{body}\n}}\n"
