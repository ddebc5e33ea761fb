"""Classes with a head for a task: the spec takes the head that ``architectures`` in ``config.json`` names.

The reference is that class on both sides, in float64; casts to float32 inside are lifted (V-5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

pytest.importorskip("transformers")

import fptdsl
from fptdsl.architecture import elaborate, lower
from fptdsl.diagnostics import FptError
from fptdsl.language import load
from fptdsl.modules import build
from hf import growths
from hf.clients import Put, fields_of, open_folder, save, tensors
from hf.families import FAMILIES, Family, Saved, lift_casts
from hf.test_dropout import places

EXACT = 1e-12
LABELS = 5


@dataclass(frozen=True)
class Task:
    """``known`` is the family (in ``FAMILIES``) that the class has its fields from, ``config`` that of another name."""

    known: str
    model: str
    config: str | None = None

    @property
    def name(self) -> str:
        return f"{self.known}, {self.model}"

    def family(self, **fields: Any) -> Family:
        known = FAMILIES[self.known]
        count = {} if self.model.endswith("QuestionAnswering") else {"num_labels": LABELS}
        fields = {**known.fields, **count, "pad_token_id": 0, **fields}
        return Family(known.spec, self.model, self.config or known.config, fields)


def _encoder(known: str, prefix: str, config: str | None = None) -> list[Task]:
    heads = ("SequenceClassification", "TokenClassification", "QuestionAnswering")
    return [Task(known, f"{prefix}For{head}", config) for head in heads]


DECODERS = {
    "llama": "Llama", "llama 3, biases, tied": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3",
    "gemma": "Gemma", "gemma2": "Gemma2", "phi3": "Phi3", "olmo2": "Olmo2", "gpt_neox": "GPTNeoX", "opt": "OPT",
    "opt, norms behind": "OPT", "gpt2": "GPT2",
}  # fmt: skip
TOKENS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "gpt2", "gpt_neox")
"""Decoders with a class that labels every token."""
TASKS = {
    task.name: task
    for task in (
        *_encoder("bert", "Bert"),
        *_encoder("roberta", "Roberta"),
        *_encoder("roberta", "XLMRoberta", "XLMRobertaConfig"),
        *_encoder("roberta", "Camembert", "CamembertConfig"),
        *_encoder("distilbert", "DistilBert"),
        *(Task(known, f"{prefix}ForSequenceClassification") for known, prefix in DECODERS.items()),
        *(Task(known, f"{DECODERS[known]}ForTokenClassification") for known in TOKENS),
    )
}
FAST = (
    "bert, BertForSequenceClassification", "bert, BertForTokenClassification",
    "roberta, RobertaForSequenceClassification", "distilbert, DistilBertForSequenceClassification",
    "llama, LlamaForSequenceClassification", "gpt2, GPT2ForSequenceClassification",
    "qwen2, Qwen2ForTokenClassification",
)  # fmt: skip
"""The others are as these but for names: left to the sweep."""


def made(task: Task, folder: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> tuple[Family, nn.Module]:
    """A random model of the class, saved in ``folder``."""
    family = task.family(**fields)
    monkeypatch.setitem(FAMILIES, task.name, family)
    return family, save(task.name, folder)


def inputs_of(family: Family, model: nn.Module) -> dict[str, Tensor]:
    return Saved(family, model, {}, {}).inputs()


def result_of(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """The logits; of answers to questions those of starts and ends, as the one head has them."""
    with torch.no_grad():
        out = model(**inputs)
    result: Tensor = out.logits if "logits" in out else torch.stack((out.start_logits, out.end_logits), -1)
    return result


def difference(old: Tensor, new: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert new.shape == old.shape
    assert new.dtype == old.dtype == torch.float64
    return ((new - old).abs().max() / old.abs().max()).item()


@pytest.mark.parametrize("name", TASKS)
def test_the_spec_is_the_class(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[name]
    family, stock = made(task, tmp_path, monkeypatch)
    graph = lower(elaborate(load(f"hf/{family.spec}"), {}, config=fields_of(tmp_path)))
    state = tensors(tmp_path)
    assert {key: each.shape for key, each in graph.tensors.items()} == {k: tuple(v.shape) for k, v in state.items()}
    ours = build(graph).double().eval()
    ours.load_state_dict(state, strict=True)
    inputs = inputs_of(family, stock)
    lift_casts(stock, monkeypatch.setattr)
    expected = result_of(stock, inputs)
    with torch.no_grad():
        result = ours(*inputs.values())
    if task.known in DECODERS and "Sequence" in task.model:  # The class takes the logits of the last token.
        assert result.shape == (*inputs["input_ids"].shape, LABELS)
        result = result[:, -1]
    assert difference(expected, result) <= EXACT


def check(name: str, growth: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, old = made(TASKS[name], folder / "old", monkeypatch)
    result = fptdsl.apply(f"hf/{family.spec}", folder / "old", out=folder / "new", grow=[growth])
    assert result.passed
    assert result.document["exactness"] in ("bitwise", "exact", "eval-only")
    new = open_folder(family, folder / "new")
    assert sum(p.numel() for p in new.parameters()) > sum(p.numel() for p in old.parameters())
    assert error(family, old, new, monkeypatch.setattr) <= EXACT
    before, after = fields_of(folder / "old"), fields_of(folder / "new")
    for field in ("architectures", "id2label", "label2id"):
        assert after.get(field) == before.get(field)


def error(family: Family, old: nn.Module, new: nn.Module, put: Put) -> float:
    inputs = inputs_of(family, old)
    lift_casts(old, put)
    lift_casts(new, put)
    return difference(result_of(old, inputs), result_of(new, inputs))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.sweep) for name in TASKS]
)
def test_everything_together(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS[name]
    check(name, growths.everything(task.known, FAMILIES[task.known].spec), tmp_path, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "growth"),
    [(name, growth) for name, t in TASKS.items() for growth in growths.alone(t.known, FAMILIES[t.known].spec)],
)
def test_every_growth_alone(name: str, growth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, growth, tmp_path, monkeypatch)


@pytest.mark.parametrize("labels", [1, 2, 7])
def test_the_number_of_labels_is_that_of_the_configuration(
    labels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are not written: there is no ``id2label`` then."""
    task = TASKS["bert, BertForSequenceClassification"]
    family, old = made(task, tmp_path / "old", monkeypatch, num_labels=labels)
    assert ("id2label" in fields_of(tmp_path / "old")) == (labels != 2)
    fptdsl.apply("hf/bert", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 2x"])
    new = open_folder(family, tmp_path / "new")
    assert new.classifier.weight.shape == (labels, 64)  # type: ignore[union-attr]
    assert error(family, old, new, monkeypatch.setattr) <= EXACT


def test_labels_of_tokens_without_a_bias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["llama, LlamaForTokenClassification"]
    family, old = made(task, tmp_path / "old", monkeypatch, token_classification_bias=False)
    assert old.score.bias is None  # type: ignore[union-attr]
    fptdsl.apply("hf/llama", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 1.5x"])
    assert error(family, old, open_folder(family, tmp_path / "new"), monkeypatch.setattr) <= EXACT


PROBABILITIES = {
    "bert": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12, "classifier_dropout": 0.13},
    "roberta": {"hidden_dropout_prob": 0.11, "attention_probs_dropout_prob": 0.12, "classifier_dropout": 0.13},
    "distilbert": {"dropout": 0.11, "attention_dropout": 0.12, "seq_classif_dropout": 0.13, "qa_dropout": 0.14},
    "llama": {"attention_dropout": 0.12, "classifier_dropout": 0.13},
    "gpt2": {"embd_pdrop": 0.11, "attn_pdrop": 0.12, "resid_pdrop": 0.14, "classifier_dropout": 0.13},
    "gpt_neox": {"hidden_dropout": 0.11, "attention_dropout": 0.12, "classifier_dropout": 0.13},
}


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.known in PROBABILITIES])
def test_dropout_is_where_the_class_has_it(
    name: str, given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a probability of its own, and with that of the class where the configuration names none."""
    fields = dict(PROBABILITIES[TASKS[name].known])
    if not given:
        fields.pop("classifier_dropout", None)
    family, stock = made(TASKS[name], tmp_path, monkeypatch, **fields)
    config = fields_of(tmp_path)
    if not given:
        for field in ("seq_classif_dropout", "qa_dropout"):  # 0.2 and 0.1 in the class
            config.pop(field, None)
        if "seq_classif_dropout" in fields:
            family, stock = made(TASKS[name], tmp_path, monkeypatch, dropout=0.11, attention_dropout=0.12)
    ours = build(lower(elaborate(load(f"hf/{family.spec}"), {}, config=config))).double()
    inputs = inputs_of(family, stock)
    assert places(ours, inputs, monkeypatch) == places(stock, inputs, monkeypatch)


def times(factor: float) -> Callable[[Tensor], None]:
    def change(tensor: Tensor) -> None:
        tensor *= factor

    return change


def swapped(tensor: Tensor) -> None:
    tensor[:2] = tensor[:2].flip(0).clone()


FAULTS = [
    ("bert, BertForSequenceClassification", "bert.pooler.dense.bias", swapped),
    ("bert, BertForSequenceClassification", "classifier.weight", times(2.0)),
    ("bert, BertForTokenClassification", "classifier.weight", times(2.0)),
    ("roberta, RobertaForSequenceClassification", "classifier.dense.weight", times(2.0)),
    ("distilbert, DistilBertForSequenceClassification", "pre_classifier.bias", swapped),
    ("llama, LlamaForSequenceClassification", "score.weight", swapped),
    ("llama, LlamaForSequenceClassification", "model.norm.weight", times(1.5**0.5)),
    ("gpt2, GPT2ForSequenceClassification", "score.weight", times(1.5)),
]
"""The class, the tensor of the grown folder, the mistake."""


@pytest.mark.parametrize(("name", "tensor", "change"), FAULTS)
def test_a_planted_fault_is_seen(
    name: str, tensor: str, change: Callable[[Tensor], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, old = made(TASKS[name], tmp_path / "old", monkeypatch)
    fptdsl.apply(f"hf/{family.spec}", tmp_path / "old", out=tmp_path / "new", grow=["widen * by 2x"])
    state = tensors(tmp_path / "new")
    before = state[tensor].clone()
    change(state[tensor])
    assert not torch.equal(before, state[tensor])
    save_file(state, tmp_path / "new" / "model.safetensors", {"format": "pt"})
    assert error(family, old, open_folder(family, tmp_path / "new"), monkeypatch.setattr) > 1e-3
    spec = tmp_path / "new" / "growth.fpt"
    assert not fptdsl.verify(f"hf/{family.spec}", tmp_path / "old", spec, tmp_path / "new").passed


BARE = {
    "bert": ("BertModel", "bert"), "roberta": ("RobertaModel", "roberta"),
    "distilbert": ("DistilBertModel", "distilbert"),
    "llama": ("LlamaModel", "model"), "mistral": ("MistralModel", "model"), "qwen2": ("Qwen2Model", "model"),
    "qwen3": ("Qwen3Model", "model"), "gemma": ("GemmaModel", "model"), "gemma2": ("Gemma2Model", "model"),
    "phi3": ("Phi3Model", "model"), "olmo2": ("Olmo2Model", "model"), "gpt2": ("GPT2Model", "transformer"),
    "gpt_neox": ("GPTNeoXModel", "gpt_neox"), "opt": ("OPTModel", "model"), "vit": ("ViTModel", "vit"),
    "deit": ("DeiTModel", "deit"),
}  # fmt: skip
"""By family: the class without a head, and the prefix of the other classes, which its keys do not have."""


@pytest.mark.parametrize(
    "known", [pytest.param(k, marks=() if k in ("bert", "llama", "vit") else pytest.mark.sweep) for k in BARE]
)
def test_bare_models_grow_inside(known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In what does not write the stream: its states are the result, and stay with what is pooled of them."""
    model, prefix = BARE[known]
    family, old = made(Task(known, model), tmp_path / "old", monkeypatch)
    spec = f"hf/{FAMILIES[known].spec}"
    assert not any(name.startswith(f"{prefix}.") for name in tensors(tmp_path / "old"))
    places = growths.PLACES[known]
    growth = f"widen {places.ffn} by 7"
    if known not in growths.POST_NORM:
        growth += f"; deepen {places.layers} by 1"
    assert fptdsl.apply(spec, tmp_path / "old", out=tmp_path / "new", grow=[growth]).passed
    new = open_folder(family, tmp_path / "new")
    assert sum(p.numel() for p in new.parameters()) > sum(p.numel() for p in old.parameters())
    lift_casts(old, monkeypatch.setattr)
    lift_casts(new, monkeypatch.setattr)
    inputs = inputs_of(family, old)
    with torch.no_grad():
        before, after = old(**inputs), new(**inputs)
    names = [name for name in ("last_hidden_state", "pooler_output") if name in before]
    assert ("pooler_output" in names) == (known in ("bert", "roberta", "vit", "deit"))
    for name in names:
        assert difference(before[name], after[name]) <= EXACT
    with pytest.raises(FptError) as caught:
        fptdsl.plan(spec, tmp_path / "old", grow=[f"widen {places.stream} by 2x"])
    assert caught.value.diagnostics[0].code == "F304"


OTHERS = [
    ("bert", "BertForMultipleChoice"), ("roberta", "RobertaForMultipleChoice"),
    ("distilbert", "DistilBertForMultipleChoice"), ("llama", "LlamaForQuestionAnswering"),
    ("gpt2", "GPT2ForQuestionAnswering"), ("vit", "ViTForMaskedImageModeling"), ("deit", "DeiTForMaskedImageModeling"),
    ("t5", "T5ForSequenceClassification"), ("t5", "T5ForTokenClassification"), ("t5", "T5ForQuestionAnswering"),
]  # fmt: skip


@pytest.mark.parametrize(("known", "model"), OTHERS)
def test_another_class_is_refused_by_its_name(
    known: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the classes that are described, in place of the tensors that are missing and left over."""
    family, _ = made(Task(known, model), tmp_path, monkeypatch)
    with pytest.raises(FptError) as caught:
        fptdsl.plan(f"hf/{family.spec}", tmp_path, grow=["widen * by 2x"])
    (fault,) = caught.value.diagnostics
    assert fault.code == "F218"
    assert re.search("Sequence|Image|Generation", fault.message)
    assert f'`architectures` = ["{model}"]' in (fault.hint or "")


def test_the_class_that_the_folder_names_is_what_counts(tmp_path: Path) -> None:
    """A folder without the field is one with the head of the pretraining, and ``--set`` says otherwise."""
    save("bert", tmp_path)
    path = tmp_path / "config.json"
    fields = json.loads(path.read_text())
    assert fields.pop("architectures") == ["BertForMaskedLM"]
    path.write_text(json.dumps(fields))
    growth = ["widen * by 2x"]
    assert fptdsl.plan("hf/bert", tmp_path, grow=growth).exactness == "eval-only"
    with pytest.raises(FptError) as caught:
        fptdsl.plan("hf/bert", tmp_path, grow=growth, settings={"architectures": ["BertForTokenClassification"]})
    assert {fault.code for fault in caught.value.diagnostics} == {"F440", "F441"}
