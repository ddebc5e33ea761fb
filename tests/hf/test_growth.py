"""Growth of every family on random weights: exact, or refused with the reason; and the traps of the mathematics.

The configurations are written out here, so that none of this needs ``transformers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from growth.support import StateDict, random_inputs, random_state, relative_error, run, unrounded_state

from fptdsl.architecture import elaborate, lower
from fptdsl.architecture.graph import Graph
from fptdsl.diagnostics import FptError
from fptdsl.growth import make_plan
from fptdsl.growth.plan import Plan
from fptdsl.language import load
from hf.families import DECODER, ENCODER, FAMILIES, LLAMA3


class Case:
    """A random network of a family, grown."""

    def __init__(self, spec: str, config: Mapping[str, Any], *directives: str) -> None:
        document = load(f"hf/{spec}", grow=list(directives))
        network = elaborate(document, {}, config=config)
        self.old: Graph = lower(network)
        self.plan: Plan = make_plan(network, self.old, document.grows)
        self.state = random_state(self.old, seed=3)
        self.inputs = random_inputs(self.old, 2)
        self.grown: StateDict = unrounded_state(self.plan, self.state)
        self.before = run(self.old, self.state, self.inputs)

    def error(self, change: Callable[[StateDict], None] | None = None) -> float:
        """The relative error of the grown weights, after a mistake that ``change`` makes in them."""
        state = {name: value.clone() for name, value in self.grown.items()}
        if change is not None:
            change(state)
        return relative_error(run(self.plan.new, state, self.inputs), self.before)


DROPOUT = ("attn_pdrop", "embd_pdrop", "resid_pdrop", "dropout", "dropout_rate", "hidden_dropout_prob")
"""Growth is exact in train mode too where there is none; what it costs is in ``test_dropout.py``."""


def fields(name: str) -> tuple[str, Mapping[str, Any]]:
    family = FAMILIES[name]
    given = {**family.fields, **dict.fromkeys(DROPOUT, 0.0)}
    if family.spec in ("vit", "deit"):
        given["id2label"] = {str(n): "" for n in range(given.pop("num_labels"))}
    return family.spec, given


STREAM = {
    "gpt2": "transformer.wte", "gpt_neox": "gpt_neox.embed_in", "opt": "model.decoder.embed_tokens", "t5": "shared",
    "vit": "vit.embeddings.cls_token", "deit": "deit.embeddings.patch_embeddings.projection",
}  # fmt: skip
BEHIND = ("bert", "roberta", "distilbert", "opt, norms behind")


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in BEHIND])
def test_the_stream_grows_to_any_size(name: str) -> None:
    spec, config = fields(name)
    case = Case(spec, config, f"widen {STREAM.get(spec, 'model.embed_tokens')} by 5")
    assert case.plan.steps[0].method == "rescale"
    assert case.plan.exactness == "exact"
    assert case.error() <= 1e-12


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert"])
def test_the_stream_behind_a_post_norm_does_not(name: str) -> None:
    spec, config = fields(name)
    with pytest.raises(FptError) as caught:
        Case(spec, config, f"widen {spec}.embeddings.word_embeddings by 5")
    assert "post-norm LayerNorm" in caught.value.diagnostics[0].message
    assert "only integer multiples" in caught.value.diagnostics[0].message


ALONE = [
    ("llama", "widen model.layers.*.mlp hidden to multiple of 64", "netmorph"),
    ("llama", "widen model.layers.*.mlp hidden by 7 using r2r", "r2r"),
    ("llama", "widen model.layers.1.self_attn kv_heads to 3", "netmorph"),
    ("llama", "widen model.layers.*.self_attn kv_heads to 4 using r2r", "r2r"),
    ("llama", "widen model.layers.*.self_attn heads to 8 using net2net", "net2net"),
    ("llama", "widen model.layers.0.self_attn.v_proj to 20", "netmorph"),
    ("llama", "deepen model.layers by 2 interleaved", "zero"),
    ("llama", "deepen model.layers by 1 at start using r2r", "r2r"),
    ("gpt2", "widen transformer.h.*.mlp hidden to 128", "netmorph"),
    ("gpt2", "widen transformer.h.0.attn heads to 5 using r2r", "r2r"),
    ("gpt2", "widen transformer.h.0.attn.c_attn by 1.5x", "netmorph"),
    ("gpt2", "deepen transformer.h by 1 at start", "zero"),
    ("gpt_neox", "widen gpt_neox.layers.*.attention heads to 6", "netmorph"),
    ("gpt_neox", "deepen gpt_neox.layers by 1", "zero"),
    ("phi3", "widen model.layers.0.mlp hidden to 50 using net2net", "net2net"),
    ("phi3", "widen model.layers.*.self_attn kv_heads to 3", "netmorph"),
    ("qwen3", "widen model.layers.*.self_attn kv_heads to 3 using net2net", "net2net"),
    ("gemma2", "deepen model.layers by 1", "zero"),
    ("olmo2", "deepen model.layers by 1", "zero"),
    ("olmo2", "widen model.layers.0.self_attn heads by 2x", "net2net"),
    ("olmo2", "widen model.layers.0.self_attn heads to 6", "rescale"),
    ("olmo2", "widen model.layers.*.self_attn kv_heads to 3", "rescale"),
    ("olmo2", "widen model.layers.1.self_attn kv_heads to 5 using rescale(copies=true)", "rescale"),
    ("bert", "widen bert.encoder.layer.* hidden to 50", "netmorph"),
    ("bert", "widen bert.encoder.layer.0.attention.self heads to 5", "netmorph"),
    ("t5", "widen decoder.block.*.layer.1.EncDecAttention num_heads to 6", "netmorph"),
    ("t5", "widen encoder.block.*.layer.0.SelfAttention num_heads to 6", "netmorph"),
    ("vit", "deepen vit.encoder.layer by 1", "zero"),
]


@pytest.mark.parametrize(("name", "directive", "method"), ALONE)
def test_growth_is_exact(name: str, directive: str, method: str) -> None:
    spec, config = fields(name)
    case = Case(spec, config, directive)
    assert case.plan.steps[0].method == method
    assert case.error() <= 1e-12


@pytest.mark.parametrize("name", ["llama 3, biases, tied", "gemma2", "qwen3", "phi3", "mistral"])
def test_everything_together(name: str) -> None:
    spec, config = fields(name)
    case = Case(spec, config, "widen * by 1.5x; deepen model.layers by 2")
    assert case.plan.new.parameters() > 1.5 * case.old.parameters()
    assert case.error() <= 1e-12


KV_ALONE = "widen model.layers.0.self_attn kv_heads to 4; widen model.layers.0.self_attn heads to 4"
REFUSED = [
    ("llama", "widen model.layers.0.self_attn.q_proj to 40", "F306", "multiples of 16"),
    ("gpt2", "widen transformer.h.0.attn.c_attn to 80", "F306", "multiples of 6"),
    ("bert", "deepen bert.encoder.layer by 1", "F321", "post-norm block cannot be inserted exactly"),
    ("bert", "deepen bert.encoder.layer by 1 using r2r", "F321", "post-norm block cannot be inserted exactly"),
    ("olmo2", "widen model.layers.0.self_attn kv_heads to 3 using net2net", "F310", "a mean over these 2 units"),
    (
        "olmo2",
        "widen model.layers.0.self_attn kv_heads to 3 using rescale",
        "F310",
        "have queries and keys that never learn",
    ),
    ("llama", KV_ALONE, "F305", "`enlarge PATH kv_heads to N` shares the old ones out among copies"),
    ("llama", "widen model.layers.0.self_attn kv_heads to 3 using netmorph(zero=in)", "F310", "would never learn"),
    ("llama", "widen model.layers.0.self_attn kv_heads to 3 using r2r(transfer=true)", "F310", "do not scale"),
    ("llama", "widen model.embed_tokens by 5 using netmorph", "F310", "a mean over these units"),
]


@pytest.mark.parametrize(("name", "directive", "code", "words"), REFUSED)
def test_refusals(name: str, directive: str, code: str, words: str) -> None:
    spec, config = fields(name)
    with pytest.raises(FptError) as caught:
        Case(spec, config, directive)
    first = caught.value.diagnostics[0]
    assert first.code == code, first.message
    assert words in first.message


# --- traps: what the naive construction costs -------------------------------------------------------

H, NEW = 32, 40
K = (NEW / H) ** 0.5
TIED = {**DECODER, "tie_word_embeddings": True, "rope_parameters": LLAMA3}


def norms_not_divided(state: StateDict) -> None:
    for name in state:
        if name.endswith("layernorm.weight"):
            state[name] *= K


def final_norm_not_compensated(state: StateDict) -> None:
    state["model.norm.weight"] *= K * K


def test_traps_of_a_rescaled_rms_norm() -> None:
    case = Case("llama", TIED, "widen model.embed_tokens to 40")
    assert case.error() <= 1e-12
    assert case.error(norms_not_divided) > 0.05, "gains must be g/k"
    assert case.error(final_norm_not_compensated) > 0.1, "a tied head needs g/k^2 in the final norm"


def test_traps_of_the_offset_norm_and_the_scaled_embedding() -> None:
    """``1 + w`` taken for the gain, and the factor of a plain tied head where the embedding is scaled."""
    config = {**DECODER, "head_dim": 16}
    case = Case("gemma", config, "widen model.embed_tokens to 40")
    assert case.error() <= 1e-12

    def naive(state: StateDict) -> None:
        for name in state:
            if name.endswith("norm.weight"):
                state[name][:H] = case.state[name].double() / K

    def plain_tie(state: StateDict) -> None:
        state["model.norm.weight"] = (1 + state["model.norm.weight"]) / K - 1

    assert case.error(naive) > 0.02
    assert case.error(plain_tie) > 0.05
    assert torch.equal(case.grown["model.embed_tokens.weight"][:, :H], case.state["model.embed_tokens.weight"].double())
    assert not case.grown["model.embed_tokens.weight"][:, H:].any()


def test_traps_of_a_rescaled_layer_norm() -> None:
    config = {**ENCODER, "tie_word_embeddings": False}
    case = Case("gpt_neox", config, "widen gpt_neox.embed_in to 40")
    assert case.error() <= 1e-12
    table = case.grown["gpt_neox.embed_in.weight"]
    assert torch.allclose(table[:, H:], table[:, :H].mean(1, keepdim=True).expand(-1, 8), rtol=1e-12)

    def zero_padded(state: StateDict) -> None:
        for name, tensor in case.plan.new.tensors.items():
            if name.endswith(("embed_in.weight", "attention.dense.weight", "dense_4h_to_h.weight")):
                state[name].movedim(tensor.shape.index(NEW), 0)[H:] = 0

    def new_bias(state: StateDict) -> None:
        for name in state:
            if name.endswith("layernorm.bias"):
                state[name][H:] = torch.randn(NEW - H, dtype=torch.float64)

    assert case.error(zero_padded) > 0.01, "new units of a layer norm's stream are means"
    assert case.error(new_bias) > 0.1, "the shift of new units is zero"


@pytest.mark.parametrize("method", ["netmorph", "r2r", "net2net"])
def test_query_heads_are_interleaved_not_appended(method: str) -> None:
    """T-4: ``heads`` alone grows inside each group; the keys and values stay."""
    case = Case("llama", DECODER, f"widen model.layers.*.self_attn heads to 8 using {method}")
    assert case.plan.new.tensors["model.layers.0.self_attn.k_proj.weight"].shape[0] == 16, "two groups of four"
    assert case.plan.new.tensors["model.layers.0.self_attn.q_proj.weight"].shape[0] == 64
    assert case.error() <= 1e-12
    old = case.state["model.layers.0.self_attn.q_proj.weight"].reshape(2, 2, 8, -1)
    new = case.grown["model.layers.0.self_attn.q_proj.weight"].reshape(2, 4, 8, -1)
    assert torch.equal(new[:, :2], old), "the old heads stay in their groups"

    def appended(state: StateDict) -> None:
        """New heads behind all the old ones: they would read other groups' keys and values."""
        for name in state:
            if name.endswith(("q_proj.weight", "o_proj.weight")):
                heads = state[name].movedim(1 if "o_proj" in name else 0, 0)
                parts = heads.reshape(2, 4, 8, -1)
                flat = torch.cat([parts[:, :2].flatten(0, 1), parts[:, 2:].flatten(0, 1)]).reshape(heads.shape)
                state[name] = flat.movedim(0, 1 if "o_proj" in name else 0).contiguous()

    assert case.error(appended) > 0.1


def test_groups_of_heads_grow_whole_where_both_are_asked_for() -> None:
    attention = "model.layers.*.self_attn"
    case = Case("llama", DECODER, f"widen {attention} heads to 8; widen {attention} kv_heads to 4")
    assert case.plan.new.tensors["model.layers.0.self_attn.k_proj.weight"].shape[0] == 32
    assert case.plan.new.tensors["model.layers.0.self_attn.q_proj.weight"].shape[0] == 64
    assert case.error() <= 1e-12

    def tiled(state: StateDict) -> None:
        """Groups in another order for keys and values than for queries."""
        for name in state:
            if name.endswith(("k_proj.weight", "v_proj.weight")):
                state[name] = state[name].reshape(4, 8, -1).roll(1, 0).reshape(32, -1)

    assert case.error(tiled) > 0.1


def test_more_groups_with_more_heads_in_each() -> None:
    attention = "model.layers.*.self_attn"
    case = Case("llama", DECODER, f"widen {attention} heads to 9; widen {attention} kv_heads to 3")
    assert case.plan.new.tensors["model.layers.0.self_attn.k_proj.weight"].shape[0] == 24
    assert case.plan.new.tensors["model.layers.0.self_attn.q_proj.weight"].shape[0] == 72
    assert case.error() <= 1e-12


def test_blocks_copied_without_zeroing_change_the_function() -> None:
    case = Case("llama", DECODER, "deepen model.layers by 1")
    assert case.error() == 0.0

    def copied(state: StateDict) -> None:
        for name in [name for name in state if name.startswith("model.layers.2.")]:
            state[name.replace("layers.2.", "layers.3.")] = state[name].clone()

    assert case.error(copied) > 0.1


def test_sandwich_norms_are_zeroed_by_their_gain() -> None:
    """T-12: the gain, stored minus one in Gemma, and not the projection before it."""
    case = Case("gemma2", {**DECODER, "head_dim": 16, "sliding_window": 4}, "deepen model.layers by 1")
    block = "model.layers.3."
    assert (case.grown[block + "post_attention_layernorm.weight"] == -1).all()
    assert (case.grown[block + "post_feedforward_layernorm.weight"] == -1).all()
    assert case.grown[block + "self_attn.o_proj.weight"].any()
    assert case.grown[block + "mlp.down_proj.weight"].any()
    assert case.error() == 0.0


def test_new_layers_at_the_end_see_what_the_text_says_there() -> None:
    """Every other layer of Gemma 2 has a window, and so have the new ones in turn."""
    case = Case("gemma2", {**DECODER, "head_dim": 16, "sliding_window": 4}, "deepen model.layers by 2")
    windows = [node.args.window for node in case.plan.new.nodes if node.op == "attention"]  # type: ignore[attr-defined]
    assert windows == [4, None, 4, None, 4]
    assert case.error() == 0.0


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "gpt2", "llama 3, biases, tied"])
def test_a_tied_stream_is_copied_a_whole_number_of_times(name: str) -> None:
    """N-3 and T-8: the norm before the tied head is divided by the number of copies."""
    spec, config = fields(name)
    decoder = spec in ("gpt2", "llama")
    place = STREAM.get(spec, "model.embed_tokens") if decoder else f"{spec}.embeddings.word_embeddings"
    case = Case(spec, config, f"widen {place} by 2x")
    assert case.plan.steps[0].method == "net2net"
    assert case.error() <= 1e-12
    final = next(node for node in case.plan.new.nodes if node.op == "tied_linear").inputs[0].producer
    assert final is not None

    def forgotten(state: StateDict) -> None:
        for tensor in final.tensors.values():
            state[tensor.name] *= 2

    assert case.error(forgotten) > 0.5


def test_a_layer_before_a_tied_head_is_divided_by_the_number_of_copies() -> None:
    """T-8 with a linear layer in the place of the norm."""
    spec, config = fields("opt, norms behind")
    case = Case(spec, config, "widen model.decoder.embed_tokens by 3x")
    assert case.plan.steps[0].method == "net2net"
    assert case.error() <= 1e-12

    def forgotten(state: StateDict) -> None:
        state["model.decoder.project_out.weight"] *= 3

    assert case.error(forgotten) > 0.5
