"""What a model in a folder says: its loss and its greedy text, as JSON on standard output.

    python examples/characters/client.py FOLDER

A process of its own, which knows ``transformers`` and nothing of fptdsl: run once for the small folder and
once for the grown one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from text import PROMPT, VOCABULARY, encode, load_text
from training import loss_of
from transformers import AutoModelForCausalLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--characters", type=int, default=100, help="length of the text")
    parser.add_argument("--windows", type=int, default=64, help="windows that the loss is measured on")
    options = parser.parse_args()
    model, report = AutoModelForCausalLM.from_pretrained(options.folder, output_loading_info=True)
    vocabulary = (options.folder / VOCABULARY).read_text(encoding="utf-8")
    prompt = encode(PROMPT, vocabulary)[None]
    with torch.no_grad():
        made = model.eval().generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=options.characters
        )
    said = {
        "class": type(model).__name__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "faults": sorted(f"{what}: {key}" for what, keys in report.items() for key in keys),
        "loss": loss_of(model, load_text(vocabulary).windows(options.windows)),
        "text": "".join(vocabulary[index] for index in made[0].tolist()),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
