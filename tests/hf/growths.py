"""What can be asked of each family: every legal growth alone, everything together, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """Paths of one family.

    ``stream`` is a layer that writes the residual stream and ``by`` what it can grow by, as heads and the stream grow
    together where the configuration has no size of a head; ``heads`` is attention with the name of its size and
    ``more`` of it; ``ffn`` is the feed-forward part with the name of its size.
    """

    layers: str
    ffn: str
    heads: str
    more: int
    stream: str
    by: int


LLAMA = Places(
    "model.layers", "model.layers.*.mlp hidden", "model.layers.*.self_attn kv_heads", 1, "model.embed_tokens", 5
)
GPT2 = Places(
    "transformer.h", "transformer.h.*.mlp hidden", "transformer.h.*.attn heads", 1, "transformer.wte", 6
)  # fmt: skip
NEOX = Places(
    "gpt_neox.layers", "gpt_neox.layers.*.mlp hidden", "gpt_neox.layers.*.attention heads", 1, "gpt_neox.embed_in", 8
)
OPT = Places(
    "model.decoder.layers", "model.decoder.layers.*.fc1", "model.decoder.layers.*.self_attn heads", 1,
    "model.decoder.embed_tokens", 8,
)  # fmt: skip
T5 = Places("encoder.block", "**.DenseReluDense hidden", "**.SelfAttention num_heads", 2, "shared", 5)


def encoder(root: str, layers: str, ffn: str, attention: str, stream: str) -> Places:
    layers = f"{root}.{layers}"
    return Places(layers, f"{layers}.*{ffn} hidden", f"{layers}.*.{attention} heads", 1, f"{root}.{stream}", 8)


PLACES: dict[str, Places] = {
    "gpt2": GPT2,
    "gpt_neox": NEOX,
    "opt": OPT,
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "olmo2"), LLAMA),
    "bert": encoder("bert", "encoder.layer", "", "attention.self", "embeddings.word_embeddings"),
    "roberta": encoder("roberta", "encoder.layer", "", "attention.self", "embeddings.word_embeddings"),
    "distilbert": encoder("distilbert", "transformer.layer", ".ffn", "attention", "embeddings.word_embeddings"),
    "vit": encoder("vit", "encoder.layer", "", "attention.attention", "embeddings.cls_token"),
    "deit": encoder("deit", "encoder.layer", "", "attention.attention", "embeddings.cls_token"),
    "t5": T5,
}
"""By spec."""

POST_NORM = ("bert", "roberta", "distilbert", "opt, norms behind")
NORM_BEHIND = ("gemma2", "olmo2")
"""A norm behind every branch, before the sum."""
SCALED_EMBEDDING = ("gemma", "gemma2", "t5")
"""Specs with a factor that depends on the size of the stream: copies of units are no choice there."""

WHOLE_HEADS = ("llama", "gemma2")
"""The class takes only a ``hidden_size`` that is a multiple of ``num_attention_heads``."""
BY = {
    **dict.fromkeys(("llama", "llama 3, biases, tied", "gemma2"), 4),
    "gpt_neox, branches in turn": 16,
}
"""Where the stream grows by another number than in the rest of the family."""

EVERYTHING: dict[str, str] = {
    **dict.fromkeys(("bert", "roberta", "distilbert"), "widen * by 2x"),
    "opt, norms behind": "widen model.decoder.project_in by 2x; widen model.decoder.layers.*.fc1 by 1.5x",
}
"""Where it is not 1.5 times as wide and two blocks deeper, spread evenly."""


def everything(name: str, spec: str) -> str:
    together = EVERYTHING.get(name)
    if together is not None:
        return together
    if spec == "t5":
        return "widen * by 1.5x; deepen encoder.block by 2 interleaved; deepen decoder.block by 1"
    return f"widen * by 1.5x; deepen {PLACES[spec].layers} by 2 interleaved"


def widths(name: str, spec: str) -> list[str]:
    """Every growth of the feed-forward part, of heads and of the stream."""
    at = PLACES[spec]
    found = [f"widen {at.ffn} to multiple of 64"]
    found += [f"widen {at.ffn} by 7 using {method}" for method in ("netmorph", "net2net", "r2r")]
    if name == "opt, norms behind":
        return [*found, "widen model.decoder.project_in by 2x"]
    found.append(f"widen {at.stream} by 2x" if name in POST_NORM else f"widen {at.stream} by {BY.get(name, at.by)}")
    if spec not in SCALED_EMBEDDING and name not in POST_NORM:
        found.append(f"widen {at.stream} by 2x using net2net")
    if name in POST_NORM:
        found.append(f"widen {at.heads} by 2x")
    else:
        found.append(f"widen {at.heads} by {2 if spec in WHOLE_HEADS else at.more}")
    if spec == "t5":
        found += ["widen **.SelfAttention d_kv to 19", "widen **.SelfAttention d_kv to 20 using net2net"]
    if spec == "olmo2":  # norms over all queries and over all keys
        heads = at.heads.replace("kv_heads", "heads")
        found += [f"widen {heads} by 2", f"widen {heads} to 15; widen {at.heads} to 5", f"widen {at.heads} by 2x"]
        found.append(f"widen {at.heads} by 2x using rescale(copies=true)")
    if spec in ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3"):
        more = 2 if spec in WHOLE_HEADS else 1
        found += [f"widen {at.heads} by {more} using {method}" for method in ("net2net", "r2r")]
        found.append(f"widen {at.heads.replace('kv_heads', 'heads')} by 2x")
        found.append("widen model.layers.*.self_attn.q_proj by 2x" if spec != "phi3" else f"widen {at.heads} by 2x")
    return found


def depths(name: str, spec: str) -> list[str]:
    """New blocks at every place where the family has them."""
    if name in POST_NORM:
        return []
    layers = PLACES[spec].layers
    if spec == "t5":
        places = ("block.1 by 2", "block by 1", "block by 2 after 0", "block by 3 interleaved", "block by 1 using r2r")
        return [f"deepen {stack}.{words}" for stack in ("encoder", "decoder") for words in places]
    where = ["2", "2 at start", "1 after 0", "2 interleaved"]
    if name not in NORM_BEHIND:
        where.append("1 using r2r")
    return [f"deepen {layers} by {words}" for words in where]


def alone(name: str, spec: str) -> list[str]:
    return [*widths(name, spec), *depths(name, spec)]


REFUSED: list[tuple[str, str, str, str]] = [
    *(
        (name, f"deepen {PLACES[name].layers} by 1", "F321", "a post-norm block cannot be inserted exactly")
        for name in ("bert", "roberta", "distilbert")
    ),
    ("opt, norms behind", "deepen model.decoder.layers by 1 using r2r", "F321", "post-norm block"),
    *((name, f"deepen {LLAMA.layers} by 2 using r2r", "F321", "pairs cancel but for rounding") for name in NORM_BEHIND),
    *(
        (name, f"widen {PLACES[name].stream} by 8", "F310", "only integer multiples of its units are exact")
        for name in ("bert", "roberta", "distilbert")
    ),
    ("llama", "widen model.layers.*.self_attn.q_proj to 40", "F306", "multiples of 16"),
    ("gpt2", "widen transformer.wte by 5", "F306", "`n_embd` of config.json cannot be 29"),
    ("llama", "widen model.embed_tokens by 5", "F351", "only a hidden_size that is a multiple of num_attention_heads"),
    ("llama", "widen model.layers.1.mlp hidden to 64", "F351", "has no fields for this growth"),
    ("llama", "widen model.layers.*.self_attn.v_proj to 20", "F306", "inv_freq depends on head_dim"),
    ("olmo2", "widen model.layers.*.self_attn kv_heads by 1 using net2net", "F310", "a mean over these 2 units"),
    ("t5", "deepen decoder.block by 1 at start", "F323", "`layer.0.SelfAttention.relative_attention_bias`"),
    ("gemma", "widen model.embed_tokens by 2x using net2net", "F310", "depends on the number of these units"),
]
"""Family, directive, code, and words of the message."""
