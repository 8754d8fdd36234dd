"""A small model's likelihood of recorded answers, on a random model of a few kilobytes."""

import gzip
import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlc.experiments.research.answer_likelihood import scored


def test_likelihoods_are_those_of_one_pass(tiny_llm_folder, tmp_path):
    """Scored behind a kept prompt, side by side with longer ones, as in one pass over prompt and answer."""
    answers = [("m", "rag", "the cat"), ("m", "long", "the cat sat there"), ("n", "rag", "")]
    row = {"id": "q", "question": "who?", "passages": "a cat", "answers": answers}
    file = tmp_path / "prompts.jsonl.gz"
    with gzip.open(file, "wt") as out:
        out.write(json.dumps(row) + "\n")
    [found] = scored(file, str(tiny_llm_folder))
    assert found["answers"] == [["m", "rag"], ["m", "long"], ["n", "rag"]]
    assert found["given"][2] == 0.0, "an answer without tokens"

    tokenizer = AutoTokenizer.from_pretrained(tiny_llm_folder)
    network = AutoModelForCausalLM.from_pretrained(tiny_llm_folder, dtype=torch.bfloat16).eval()
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "a cat\n\nQuestion: who?"}], add_generation_prompt=True, tokenize=False
    )
    for value, (_, _, text) in zip(found["given"][:2], answers, strict=False):
        before = tokenizer(prompt, add_special_tokens=False).input_ids
        after = tokenizer(text, add_special_tokens=False).input_ids
        with torch.inference_mode():
            chances = network(torch.tensor([before + after])).logits.float().log_softmax(-1)[0]
        whole = sum(float(chances[len(before) + i - 1, token]) for i, token in enumerate(after)) / len(after)
        assert value == pytest.approx(whole, abs=0.05), "bfloat16"
