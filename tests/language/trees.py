"""Random syntax trees, such as the parser can give."""

from __future__ import annotations

from hypothesis import strategies as st

from fptdsl.language import syntax
from fptdsl.language.builder import FUNCTIONS, RESERVED, STATEMENT_WORDS

# Words of the language are names too wherever a name is expected.
WORDS = ["input", "output", "to", "by", "repeat", "widen", "use", "model", "if", "as", "else", "shortcut", "from"]
plain = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in RESERVED | STATEMENT_WORDS | {"True", "False", "None"}
)
keys = st.one_of(plain, st.sampled_from(WORDS))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda text: not any(char in text for char in "\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)

literals = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**40),
    st.floats(0, 1e30, allow_nan=False),
    texts,
).map(syntax.Literal_)
names = plain.map(syntax.Name)
OPERATORS = ["or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%"]


def _compound(inner: st.SearchStrategy[syntax.Expr]) -> st.SearchStrategy[syntax.Expr]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(syntax.List, several),
        st.builds(syntax.Unary, st.sampled_from(["-", "+", "not"]), inner),
        st.builds(syntax.Binary, st.sampled_from(OPERATORS), inner, inner),
        st.builds(syntax.Conditional, inner, inner, inner),
        st.builds(syntax.Call, st.sampled_from(sorted(FUNCTIONS)), several),
    )


expressions = st.recursive(st.one_of(literals, names), _compound, max_leaves=8)


@st.composite
def arguments(draw: st.DrawFn) -> tuple[syntax.Argument, ...]:
    positional = [syntax.Argument(None, value) for value in draw(st.lists(expressions, max_size=2))]
    named = draw(st.dictionaries(plain, expressions, max_size=2))
    return (*positional, *(syntax.Argument(name, value) for name, value in named.items()))


sources = st.none() | st.lists(keys, min_size=1, max_size=2).map(tuple)
dotted = st.lists(plain, min_size=1, max_size=3).map(".".join)
labels = st.sampled_from(["key", "let", "none"])


@st.composite
def values(draw: st.DrawFn, depth: int, label: bool) -> syntax.Stmt:
    """A layer or composite; with ``label`` it may have a key or a ``let``."""
    how = draw(labels) if label else "none"
    name = {"key": draw(keys), "let": None, "none": None}[how]
    let = draw(keys) if how == "let" else None
    kind = draw(st.integers(0, 7 if depth else 1))
    if kind == 0:
        return syntax.Apply(draw(plain), draw(arguments()), draw(sources), key=name, let=let)
    if kind == 1:
        return syntax.Reuse(draw(dotted), draw(sources), key=name, let=let)
    if kind == 2:
        index = draw(st.none() | plain)
        return syntax.Repeat(draw(expressions), index, draw(values(depth - 1, False)), key=name, let=let)
    body = draw(bodies(depth - 1))
    if kind == 3:
        return syntax.Group(body, key=name, let=let)
    if kind == 4:
        return syntax.Sequential(body, key=name, let=let)
    if kind == 5:
        return syntax.Parallel(draw(st.sampled_from(["concat", "add", "mul"])), body, key=name, let=let)
    return syntax.Residual(body, draw(st.none() | bodies(depth - 1)), key=name, let=let)


@st.composite
def statements(draw: st.DrawFn, depth: int) -> syntax.Stmt:
    kind = draw(st.integers(0, 6))
    if kind == 0:
        dims = tuple(draw(st.lists(expressions, max_size=3)))
        return syntax.Input(draw(keys), draw(st.sampled_from(["float", "int", "bool"])), dims)
    if kind == 1:
        return syntax.Output(draw(st.none() | keys), draw(keys))
    if kind == 2 and depth:
        return syntax.If(draw(expressions), draw(bodies(depth - 1)), draw(st.none() | bodies(depth - 1)))
    return draw(values(depth, True))


def bodies(depth: int) -> st.SearchStrategy[tuple[syntax.Stmt, ...]]:
    return st.lists(statements(depth), max_size=3).map(tuple)


# --- growth --------------------------------------------------------------------------------------

pattern = st.from_regex(r"(\*\*|[a-z*]?[a-z0-9_]{1,4}\*?)", fullmatch=True).filter(lambda t: "**" not in t or t == "**")
bounds = st.none() | st.integers(-99, 99)
slices = st.tuples(bounds, bounds, st.none() | st.integers(1, 9))


@st.composite
def paths(draw: st.DrawFn) -> syntax.Path:
    segments: list[object] = [draw(pattern.filter(lambda text: text not in ("to", "by", "into")))]
    for _ in range(draw(st.integers(0, 3))):
        segments.append(draw(st.one_of(pattern, st.integers(-9, 9), slices)))
    return syntax.Path(tuple(segments))  # type: ignore[arg-type]


options = st.dictionaries(plain, expressions, max_size=2).map(
    lambda found: tuple(syntax.Argument(name, value) for name, value in found.items())
)
usings = st.none() | st.builds(syntax.Using, plain, options)
counts = st.integers(0, 2**31)
amounts = st.one_of(
    st.builds(syntax.Amount, st.sampled_from(["to", "by", "multiple"]), counts),
    st.builds(syntax.Amount, st.just("factor"), st.floats(0.001, 1e6)),
)
sizes = plain.filter(lambda name: name not in ("to", "by"))


@st.composite
def deepens(draw: st.DrawFn) -> syntax.Deepen:
    place = draw(st.sampled_from([None, "start", "end", "after", "interleaved"]))
    after = draw(counts) if place == "after" else None
    return syntax.Deepen(
        tuple(draw(st.lists(paths(), min_size=1, max_size=2))), draw(counts), draw(st.none() | counts), place, after,
        draw(st.none() | keys), draw(usings),
    )  # fmt: skip


extents = counts | st.lists(counts, min_size=1, max_size=3).map(tuple)
directives = st.one_of(
    st.builds(syntax.Widen, paths(), st.none() | sizes, amounts, usings),
    deepens(),
    st.builds(syntax.Enlarge, paths(), plain, extents, usings),
    st.builds(syntax.Branch, paths(), counts, usings),
    st.just(syntax.Require("exact")),
    st.builds(syntax.Require, st.sampled_from(["params", "ratio"]), st.floats(0, 1e15)),
    st.builds(syntax.Require, st.just("params"), st.integers(0, 10**12).map(float)),
)
section_options = st.one_of(
    st.just(()),
    st.builds(lambda method: (syntax.Argument("using", method),), st.builds(syntax.Using, plain, options.filter(bool))),
    st.builds(lambda seed: (syntax.Argument("seed", syntax.Literal_(seed)),), counts),
)


# --- files ---------------------------------------------------------------------------------------


@st.composite
def params(draw: st.DrawFn) -> tuple[syntax.Param, ...]:
    found = draw(st.dictionaries(plain, st.none() | expressions, max_size=3))
    return tuple(syntax.Param(name, default) for name, default in found.items())


one = st.builds(syntax.CheckpointEntry, st.sampled_from(["select", "strip", "ignore"]), texts)
two = st.builds(syntax.CheckpointEntry, st.sampled_from(["rename", "alias"]), texts, texts)


@st.composite
def files(draw: st.DrawFn) -> syntax.File:
    items: list[syntax.Item] = []
    for path in draw(st.lists(texts, max_size=1)):
        items.append(syntax.Use(path))
        items.append(syntax.Use(path, draw(plain), draw(arguments())))
    for name in draw(st.sets(plain, max_size=2)):
        items.append(syntax.Block(name, draw(params()), draw(bodies(2))))
    if draw(st.booleans()):
        items.append(syntax.Model(draw(plain), draw(params()), draw(bodies(3)), draw(st.booleans())))
    if draw(st.booleans()):
        items.append(syntax.Checkpoint(tuple(draw(st.lists(one | two, max_size=3)))))
    for _ in range(draw(st.integers(0, 2))):
        items.append(syntax.Grow((), (draw(directives),), bare=True))
        items.append(syntax.Grow(draw(section_options), tuple(draw(st.lists(directives, max_size=2)))))
    return syntax.File(tuple(items))
