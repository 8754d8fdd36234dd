"""What tests on every shelf share: examples made in one line, and a random language model of a few kilobytes."""

import os
from pathlib import Path

# Before torch is loaded: tiny matrices gain nothing from threads, and no test may ask a model hub.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
from hypothesis import settings

from rlc.data.records import Document, Example

# A deadline would measure who else uses the machine, not the code.
settings.register_profile("rlc", deadline=None)
settings.load_profile("rlc")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

FAKE_VLLM = Path(__file__).with_name("pipeline") / "fake_vllm.py"
FAKE_TORCH = "class cuda:\n    is_available = staticmethod(lambda: {})\n    get_device_name = staticmethod(lambda: 'fake')\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in front of the path of the engine's process, with what stands in for vLLM and torch."""
    folder = tmp_path / "site"
    (folder / "vllm").mkdir(parents=True)
    (folder / "vllm" / "__init__.py").write_text(FAKE_VLLM.read_text())
    (folder / "vllm" / "sampling_params.py").write_text("class StructuredOutputsParams:\n    pass\n")
    (folder / "torch.py").write_text(FAKE_TORCH.format(True))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture(scope="session")
def make_example():
    """A factory: `make_example("q1", "Who?", "the text", document_id="d", kind="book")`."""

    def make(id_, question="Who?", text="Ann met Bob.", document_id="d", *, kind="book", **fields):
        document = Document(id=document_id, page_content=text, metadata={"kind": kind})
        return Example(id_, question, document, **fields)

    return make


@pytest.fixture(scope="session")
def tiny_llm_folder(tmp_path_factory):
    """A random two-layer Llama of 512 positions over bytes, with a chat template, saved as transformers saves it.

    Its answers mean nothing; they are what must not change.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    pieces = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {piece: i for i, piece in enumerate([*pieces, "th", "the", "Ġthe"])}
    backend = Tokenizer(models.BPE(vocabulary, [("t", "h"), ("th", "e"), ("Ġ", "the")]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.5,  # large, so that every context has its own next token
        bos_token_id=0,
        eos_token_id=3,
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny-llm")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def scripted_recipe():
    """A recipe of both arms over a scripted engine, as text: no weights, answers at once."""
    return """
[parts.llm]
use = "scripted"
answers = { "" = "Ada keeps the lamp." }

[readers.rag]
use = "rag"
chunker = { use = "recursive", size = 16 }
retriever = { use = "bm25", k = 2 }
llm = "@llm"

[readers.long]
use = "long"
llm = "@llm"
"""
