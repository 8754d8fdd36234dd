"""Score recorded answers by a small model's likelihood: ln p(answer | passages, question) - ln p(answer | question).

An experiment on verifying answers with a model that is cheaper than the readers. It reads the passages once a question
and scores all recorded answers behind them in one batch; no gold answer is given to it.

    python experiments/research/answer_likelihood.py prompts LARA prompts.jsonl.gz
    python experiments/research/answer_likelihood.py score prompts.jsonl.gz MODEL scores.jsonl.gz   # a GPU helps
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LONGEST = 128  # tokens of an answer that are scored


def main() -> None:
    """Write prompts, or score them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    prompts = steps.add_parser("prompts")
    prompts.add_argument("root", type=Path)
    prompts.add_argument("file", type=Path)
    scoring = steps.add_parser("score")
    scoring.add_argument("prompts", type=Path)
    scoring.add_argument("model")
    scoring.add_argument("file", type=Path)
    options = parser.parse_args()
    rows = written(options.root) if options.step == "prompts" else scored(options.prompts, options.model)
    with gzip.open(options.file, "wt", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")
            out.flush()  # a lent machine may be taken back in the middle


def written(root: Path) -> Iterator[dict[str, Any]]:
    """A question, the passages that retrieval would read, and the recorded answers by (model, arm)."""
    from rlc.data.records import evidence_in
    from rlc.data.sets.lara import load, load_predictions
    from rlc.pipeline.readers.recorded import bm25_evidence

    dataset = load(root)
    answers: dict[str, list[tuple[str, str, str]]] = {}
    frame = load_predictions(root).drop_nulls("example_id").select("example_id", "model", "arm", "prediction")
    for example_id, model, arm, text in frame.iter_rows():
        answers.setdefault(example_id, []).append((model, arm, text or ""))
    for example, found in zip(dataset.examples, bm25_evidence(dataset.examples), strict=True):
        text = example.document.page_content
        spans = evidence_in(example.document_id, found)
        yield {
            "id": example.id,
            "question": example.question,
            "passages": "\n\n".join(text[piece.start : piece.end] for piece in spans),
            "answers": answers.get(example.id, []),
        }


def scored(prompts: Path, model: str) -> Iterator[dict[str, Any]]:
    """Mean ln p a token of every answer, with the passages (`given`) and without (`closed`)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, trust_remote_code=False)
    network = network.to(torch.device(device)).eval()  # type: ignore[arg-type]  # transformers wraps `to`
    with gzip.open(prompts, "rt", encoding="utf-8") as lines, torch.inference_mode():
        for line in lines:
            row = json.loads(line)
            texts = [text for _, _, text in row["answers"]]
            given = f"{row['passages']}\n\nQuestion: {row['question']}"
            yield {
                "id": row["id"],
                "answers": [[model, arm] for model, arm, _ in row["answers"]],
                "given": _likelihoods(network, tokenizer, given, texts),
                "closed": _likelihoods(network, tokenizer, f"Question: {row['question']}", texts),
            }


def _likelihoods(network: Any, tokenizer: Any, question: str, texts: Sequence[str]) -> list[float]:  # noqa: ANN401
    """Mean ln p a token of each answer behind one prompt, which is read once; 0 for an answer without tokens."""
    import torch

    messages = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    context = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids.to(network.device)
    ids = [tokenizer(text, add_special_tokens=False).input_ids[:LONGEST] for text in texts]
    read = network(context, use_cache=True, logits_to_keep=1)
    width = max(map(len, ids), default=0)
    if not width:
        return [0.0] * len(texts)
    batch = torch.zeros((len(ids), width), dtype=torch.long, device=network.device)
    for i, row in enumerate(ids):
        batch[i, : len(row)] = torch.tensor(row, device=network.device)
    cache = read.past_key_values
    cache.batch_repeat_interleave(len(ids))
    later = network(batch, past_key_values=cache, use_cache=True).logits[:, :-1]
    logits = torch.cat([read.logits[:, -1:].expand(len(ids), -1, -1), later], dim=1)
    chances = _chosen(logits, batch)
    return [float(chances[i, : len(row)].mean()) if row else 0.0 for i, row in enumerate(ids)]


def _chosen(logits: "torch.Tensor", tokens: "torch.Tensor") -> "torch.Tensor":
    """Ln p of the tokens; [answers, tokens]."""
    import torch

    spread = torch.logsumexp(logits.float(), dim=-1)
    return logits.gather(-1, tokens[..., None]).squeeze(-1).float() - spread


if __name__ == "__main__":
    main()
