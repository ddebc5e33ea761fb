"""Random architectures as spec texts: images, vectors, token sequences, recurrent texts."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

ACTIVATIONS = (
    "relu", "relu", "relu", "relu6", "leaky_relu", "leaky_relu(0.2)", "gelu", 'gelu(approximate="tanh")', "silu",
    "tanh", "sigmoid", "hardswish", "elu", "mish", "softplus", "identity",
)  # fmt: skip
"""ReLU thrice: behind it most transforms are legal."""


class Writer:
    """Writes one network; ``width`` is the number of units of the value that comes last."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0
        self.width = random.choice((3, 4, 6))

    def key(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def activation(self) -> str:
        if self.chance(0.08):
            return f"{self.key('act')}: prelu"
        return self.random.choice(ACTIVATIONS)

    def stages(self, kinds: tuple[Callable[[], list[str]], ...], fewest: int, most: int) -> list[str]:
        lines = []
        for _ in range(self.random.randint(fewest, most)):
            lines += self.random.choice(kinds)()
        return lines


class Images(Writer):
    """A convolutional network on ``width x 8 x 8`` images."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.size = 8

    def conv(self) -> list[str]:
        width = self.random.choice((4, 6, 8, 10))
        kernel = self.random.choice((1, 3, 3, 5))
        bias = self.random.choice(("", ", bias=false"))
        mode = self.random.choice(("", "", ', padding_mode="reflect"', ', padding_mode="circular"'))
        mode = mode if kernel > 1 and self.size > kernel else ""
        lines = [f"{self.key('conv')}: conv2d({width}, {kernel}, padding={kernel // 2}{bias}{mode})"]
        self.width = width
        if self.chance(0.6):
            lines.append(f"{self.key('bn')}: batchnorm2d")
        if self.chance(0.8):
            lines.append(self.activation())
        return lines

    def numbered(self) -> list[str]:
        """Alike groups of convolution, norm and activation, as a ``repeat`` of them or one after the other."""
        kind = self.random.choice(("conv2d({0}, 3, padding=1); batchnorm2d; relu", "conv2d({0}, 3, padding=1); relu"))
        one = kind.format(self.width)
        key = self.key("plain")
        if self.chance(0.5):
            return [f"{key}: repeat {self.random.choice((1, 2))} {{ sequential {{ {one} }} }}"]
        return [f"{key}: sequential {{ {one}; {one} }}"]

    def residual(self) -> list[str]:
        inner = self.random.choice((3, 5, 8))
        norm = self.random.choice(("batchnorm2d", "batchnorm2d", "groupnorm(1)", ""))
        body = [f"c1: conv2d({inner}, 3, padding=1)", *([f"b1: {norm}"] if norm else []), self.activation()]
        body += [f"c2: conv2d({self.width}, 3, padding=1)", *([f"b2: {norm}"] if norm else [])]
        block = "residual { " + "; ".join(body) + " }"
        after = "; relu" if self.chance(0.5) else ""
        count = self.random.choice((1, 2, 3))
        # Behind a sum that is not rectified, a ReLU in the block would change what comes in: rectify first.
        before = ["relu"] if after else []
        return [*before, f"{self.key('stage')}: repeat {count} {{ {block}{after} }}"]

    def before_activation(self) -> list[str]:
        """Blocks whose norms and activations stand before their kernels (pre-activation)."""
        inner = self.random.choice((3, 6))
        act = self.random.choice(ACTIVATIONS)
        block = (
            f"residual {{ n1: batchnorm2d; {act}; c1: conv2d({inner}, 3, padding=1); n2: batchnorm2d; {act}; "
            f"c2: conv2d({self.width}, 3, padding=1) }}"
        )
        return [f"{self.key('pre')}: repeat {self.random.choice((1, 2))} {{ {block} }}"]

    def pair(self) -> list[str]:
        """The rectangular pair of Inception-v3."""
        a, b = self.key("pair"), self.key("pair")
        self.width = self.random.choice((4, 6))
        norm = "; {0}_bn: batchnorm2d" if self.chance(0.5) else ""
        first = f"{a}: conv2d({self.width}, [1, 5], padding=[0, 2]){norm.format(a)}; relu"
        return [first, f"{b}: conv2d({self.width}, [5, 1], padding=[2, 0]){norm.format(b)}; relu"]

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

    def grouped(self) -> list[str]:
        divisors = [n for n in (2, 3) if self.width % n == 0]
        if not divisors:
            return self.conv()
        groups = self.random.choice(divisors)
        self.width = groups * self.random.choice((2, 4))
        return [f"{self.key('grouped')}: conv2d({self.width}, 3, padding=1, groups={groups})", self.activation()]

    def maxout(self) -> list[str]:
        self.width = self.random.choice((3, 5))
        return [f"{self.key('pieces')}: conv2d({2 * self.width}, 3, padding=1)", "maxout(2)"]

    def squeeze(self) -> list[str]:
        key = self.key("se")
        return [
            f"{key}: {{ adaptive_avgpool2d(1); f1: conv2d(3, 1); relu; f2: conv2d({self.width}, 1); sigmoid; "
            "mul from input, f2 }"
        ]

    def norm(self) -> list[str]:
        divisors = [n for n in (2, 3, 4) if self.width % n == 0]
        kinds = ["instancenorm2d(affine=true)", "layernorm(dim=1)", "rmsnorm(dim=1)"]
        kinds += [f"groupnorm({self.random.choice(divisors)})"] if divisors else []
        return [f"{self.key('norm')}: {self.random.choice(kinds)}"]

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
            self.conv, self.conv, self.numbered, self.residual, self.residual, self.before_activation, self.pair,
            self.dense, self.branches, self.depthwise, self.grouped, self.maxout, self.squeeze, self.norm, self.pool,
            self.shared,
        )  # fmt: skip
        lines += self.stages(kinds, 2, 5)
        lines += self.random.choice((["adaptive_avgpool2d(1)", "flatten"], ["flatten"]))
        if self.chance(0.7):
            lines += [f"hidden: linear({self.random.choice((5, 9))})", self.activation()]
        return model([*lines, "head: linear(3)"])


class Vectors(Writer):
    """Linear layers on one vector."""

    def linear(self) -> list[str]:
        self.width = self.random.choice((4, 6, 9))
        lines = [f"{self.key('fc')}: linear({self.width}{self.random.choice(('', ', bias=false'))})"]
        if self.chance(0.3):
            lines.append(f"{self.key('bn')}: batchnorm1d")
        return [*lines, self.activation(), *(["dropout(0.3)"] if self.chance(0.2) else [])]

    def maxout(self) -> list[str]:
        self.width, pieces = self.random.choice((3, 5)), self.random.choice((2, 3))
        return [f"{self.key('pieces')}: linear({self.width * pieces})", f"maxout({pieces})"]

    def gated(self) -> list[str]:
        key, hidden = self.key("gated"), self.random.choice((4, 7))
        act = self.random.choice(("silu", "gelu", "sigmoid"))
        return [
            f"residual {{ {key}: {{ gate: linear({hidden}); let g = {act}; up: linear({hidden}) from input; "
            f"mul from g, up; down: linear({self.width}) }} }}"
        ]

    def residual(self) -> list[str]:
        norm = self.random.choice(("n: layernorm; ", "n: rmsnorm(eps=1e-6); ", "", "n: batchnorm1d; "))
        return [
            f"{self.key('blocks')}: repeat {self.random.choice((1, 2))} {{ residual {{ {norm}"
            f"a: linear({self.random.choice((5, 8))}); {self.activation()}; b: linear({self.width}) }} }}"
        ]

    def shared(self) -> list[str]:
        key = self.key("shared")
        return [f"{key}: linear({self.width})", "relu", f"reuse {key}", "relu"]

    def text(self) -> str:
        lines = [f"input x: float[{self.width}]", *self.linear()]
        kinds = (self.linear, self.linear, self.maxout, self.gated, self.residual, self.residual, self.shared)
        return model([*lines, *self.stages(kinds, 2, 4), "head: linear(3)"])


class Tokens(Writer):
    """Transformers: embeddings, attention and gated or plain layers in residual blocks."""

    def attention(self, heads: int, kv: int, size: int) -> str:
        return (
            f"{{ q: linear({heads * size}); let qs = split_heads({heads}); "
            f"k: linear({kv * size}) from input; let ks = split_heads({kv}); "
            f"v: linear({kv * size}) from input; let vs = split_heads({kv}); "
            f"attention(causal=true) from qs, ks, vs; o: linear({self.width}) }}"
        )

    def hidden(self) -> str:
        hidden = self.random.choice((6, 10))
        if self.chance(0.4):
            return (
                f"{{ gate: linear({hidden}, bias=false); let g = silu; up: linear({hidden}, bias=false) from input; "
                f"mul from g, up; down: linear({self.width}, bias=false) }}"
            )
        return f"{{ fc1: linear({hidden}); {self.activation()}; fc2: linear({self.width}) }}"

    def text(self) -> str:
        size, kv = 2, self.random.choice((1, 2))
        heads = kv * self.random.choice((1, 2))
        norm = self.random.choice(("layernorm", "layernorm(bias=false)", "rmsnorm(eps=1e-6)"))
        parts = [f"n1: {norm}", f"attn: {self.attention(heads, kv, size)}"]
        others = [f"n2: {norm}", f"mlp: {self.hidden()}"]
        after = self.chance(0.25)  # post-norm
        if after:
            parts, others = [parts[1]], [others[1]]
        block = f"residual {{ {'; '.join(parts)} }}; {'' if not after else f'p1: {norm}; '}"
        block += f"residual {{ {'; '.join(others)} }}{'' if not after else f'; p2: {norm}'}"
        lines = ["input tokens: int[5]", f"wte: embedding(11, {self.width})"]
        if self.chance(0.5):
            lines += ["positions from tokens", f"wpe: embedding(8, {self.width})", "add from wte, wpe"]
        lines += [f"h: repeat {self.random.choice((1, 2))} {{ {block} }}"]
        lines += [f"nf: {norm}"] if not after else []
        return model([*lines, self.random.choice(("head: linear(7)", "head: linear(7, bias=false)"))])


class Texts(Writer):
    """Recurrent layers over an embedding."""

    def text(self) -> str:
        cell = self.random.choice(("lstm", "gru"))
        both = ", bidirectional=true" if self.chance(0.3) else ""
        hidden, layers = self.random.choice((4, 6)), self.random.choice((1, 2))
        lines = ["input tokens: int[6]", f"embedding: embedding(11, {self.width})"]
        if self.chance(0.4):
            lines += [f"mix: linear({self.random.choice((4, 5))})", self.activation()]
        lines += [f"rnn: {cell}({hidden}, {layers}{both})", "select(1, -1)"]
        if self.chance(0.6):
            lines += [f"hidden: linear({self.random.choice((5, 8))})", self.activation()]
        return model([*lines, "head: linear(3)"])


def model(lines: list[str]) -> str:
    return "model Random {\n  " + "\n  ".join(lines) + "\n}\n"


FAMILIES: dict[str, type[Writer]] = {"images": Images, "vectors": Vectors, "tokens": Tokens, "texts": Texts}


def random_spec(random: Random, family: str) -> str:
    text: str = FAMILIES[family](random).text()  # type: ignore[attr-defined]
    return text
