"""Random architectures as spec texts, and random directives for them."""

from __future__ import annotations

from random import Random

from fptdsl.architecture.graph import Graph
from fptdsl.architecture.ops import OPERATIONS
from fptdsl.architecture.tree import Scope, walk
from fptdsl.growth.groups import groups

ACTIVATIONS = ("relu", "relu", "relu", "relu6", "leaky_relu", "gelu", "silu", "tanh", "sigmoid", "hardswish", "elu")
METHODS = (
    "",
    "",
    "netmorph(zero=out)",
    "netmorph(zero=in)",
    "net2net",
    "net2net(split=scalar)",
    "net2net(split=equal)",
    "r2r",
)


class Writer:
    """Writes one random convolutional network on ``channels x size x size`` images."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []
        self.count = 0
        self.width = random.choice((3, 4, 6))
        self.size = 8

    def key(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def activation(self) -> str:
        return self.random.choice(ACTIVATIONS)

    def conv(self) -> list[str]:
        width = self.random.choice((4, 6, 8, 10))
        kernel = self.random.choice((1, 3, 3, 5))
        bias = self.random.choice(("", ", bias=false"))
        mode = self.random.choice(("", "", ', padding_mode="reflect"', ', padding_mode="circular"'))
        mode = mode if kernel > 1 and self.size > kernel else ""
        lines = [f"{self.key('conv')}: conv2d({width}, {kernel}, padding={kernel // 2}{bias}{mode})"]
        self.width = width
        if self.random.random() < 0.6:
            lines.append(f"{self.key('bn')}: batchnorm2d")
        if self.random.random() < 0.8:
            lines.append(self.activation())
        return lines

    def residual(self) -> list[str]:
        inner = self.random.choice((3, 5, 8))
        norms = self.random.random() < 0.7
        body = [f"c1: conv2d({inner}, 3, padding=1)", *(["b1: batchnorm2d"] if norms else []), self.activation()]
        body += [f"c2: conv2d({self.width}, 3, padding=1)", *(["b2: batchnorm2d"] if norms else [])]
        block = "residual { " + "; ".join(body) + " }"
        after = "; relu" if self.random.random() < 0.5 else ""
        count = self.random.choice((1, 2, 3))
        # Behind a sum that is not rectified, a ReLU in the block would change what comes in: rectify first.
        before = ["relu"] if after else []
        return [*before, f"{self.key('stage')}: repeat {count} {{ {block}{after} }}"]

    def dense(self) -> list[str]:
        growth = self.random.choice((2, 3))
        key = self.key("dense")
        self.width += growth
        return [f"{key}: {{ c: conv2d({growth}, 3, padding=1); {self.activation()}; concat from input, c }}"]

    def branches(self) -> list[str]:
        a, b = self.random.choice((2, 4)), self.random.choice((3, 5))
        key = self.key("mix")
        self.width = a + b
        return [
            f"{key}: parallel(concat) {{ a: {{ c: conv2d({a}, 1) }}; b: {{ c: conv2d({b}, 3, padding=1); "
            f"n: batchnorm2d; {self.activation()} }} }}"
        ]

    def depthwise(self) -> list[str]:
        return [
            f"{self.key('dw')}: conv2d({self.width}, 3, padding=1, groups={self.width}, bias=false)",
            f"{self.key('bn')}: batchnorm2d",
            self.activation(),
        ]

    def squeeze(self) -> list[str]:
        key = self.key("se")
        return [
            f"{key}: {{ adaptive_avgpool2d(1); f1: conv2d(3, 1); relu; f2: conv2d({self.width}, 1); sigmoid; "
            "mul from input, f2 }"
        ]

    def norm(self) -> list[str]:
        divisors = [n for n in (2, 3, 4) if self.width % n == 0]
        if not divisors:
            return [f"{self.key('in')}: instancenorm2d(affine=true)"]
        return [f"{self.key('gn')}: groupnorm({self.random.choice(divisors)})"]

    def pool(self) -> list[str]:
        if self.size < 4:
            return []
        self.size //= 2
        return [self.random.choice(("maxpool2d(2)", "avgpool2d(2)"))]

    def shared(self) -> list[str]:
        key = self.key("shared")
        return [f"{key}: conv2d({self.width}, 3, padding=1)", "relu", f"reuse {key}", "relu"]

    def text(self) -> str:
        lines = [f"input image: float[{self.width}, 8, 8]", *self.conv()]
        kinds = (
            self.conv,
            self.conv,
            self.residual,
            self.residual,
            self.dense,
            self.branches,
            self.depthwise,
            self.squeeze,
            self.norm,
            self.pool,
            self.shared,
        )
        for _ in range(self.random.randint(2, 5)):
            lines += self.random.choice(kinds)()
        lines += self.random.choice((["adaptive_avgpool2d(1)", "flatten"], ["flatten"]))
        if self.random.random() < 0.7:
            lines += [f"hidden: linear({self.random.choice((5, 9))})", self.activation()]
        lines += ["head: linear(3)"]
        return "model Random {\n  " + "\n  ".join(lines) + "\n}\n"


def random_spec(random: Random) -> str:
    return Writer(random).text()


def random_directive(random: Random, graph: Graph) -> str:
    """A directive at a random place; it may be refused."""
    kind = random.random()
    using = random.choice(METHODS)
    if kind < 0.45:
        names = [group.name for group in groups(graph.nodes).values()]
        amount = random.choice(("by 1", "by 3", "by 2x", "by 1.5x", "to multiple of 4"))
        return f"widen {random.choice(names)} {amount}" + (f" using {using}" if using else "")
    if kind < 0.55:
        return f"widen * by {random.choice(('1.5x', '2x'))}" + (f" using {using}" if using else "")
    places = list(graph.regions)
    maps = [n.name for n in graph.nodes if OPERATIONS[n.op].affine == "map" and n.name in graph.regions]
    if kind < 0.85:
        place = random.choice(("", "", " at start", " interleaved", " after 0"))
        return f"deepen {random.choice(places)} by {random.choice((1, 2))}{place}"
    if kind < 0.93:
        skips = [name for name, tree in walk(graph.network) if isinstance(tree, Scope) and tree.kind == "residual"]
        return f"branch {random.choice([*maps, *skips])} into {random.choice((2, 3))}"
    return f"enlarge {random.choice(maps)} kernel_size to {random.choice((3, 5))}"
