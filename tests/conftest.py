"""What tests on every shelf share: examples made in one line, and a random language model of a few kilobytes."""

import json
import os
import shutil
from pathlib import Path

# Before torch is loaded: tiny matrices gain nothing from threads, and no test may ask a model hub.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
# Commands that tests start compile a thousand modules each where nothing keeps the bytecode: seconds, on images that forbid it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "bytecode"))

import pytest
from hypothesis import settings

from rlc.data.records import Document, Example
from rlc.pipeline.llms.support.dialect import LEARNED

# A deadline would measure who else uses the machine, not the code.
settings.register_profile("rlc", deadline=None)
settings.load_profile("rlc")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

FAKE_VLLM = Path(__file__).with_name("pipeline") / "fake_vllm.py"
FAKE_PLATFORMS = """
class current_platform:
    is_unspecified = staticmethod(lambda: False)
    is_cuda = staticmethod(lambda: True)
    get_device_name = staticmethod(lambda: "fake")
"""


# What the tiny BERT knows.
WORDS = [
    "the",
    "a",
    "cat",
    "sat",
    "on",
    "mat",
    "dog",
    "and",
    "bird",
    "sings",
    "net",
    "income",
    "rose",
    "was",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
]


@pytest.fixture(autouse=True)
def _unlearned():
    """What a server of another test did not take is no lesson for the one that has its port now."""
    LEARNED.clear()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in front of the path of the engine's process, with what stands in for vLLM."""
    folder = tmp_path / "site"
    (folder / "vllm").mkdir(parents=True)
    (folder / "vllm" / "__init__.py").write_text(FAKE_VLLM.read_text())
    (folder / "vllm" / "sampling_params.py").write_text("class StructuredOutputsParams:\n    pass\n")
    (folder / "vllm" / "platforms.py").write_text(FAKE_PLATFORMS)
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


def tiny_tokenizer(*more, **special):
    """A tokenizer of whole words: a BERT's, `WORDS`, and more."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *more])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special |= {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=32, **special)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A random two-layer BERT of 32 positions, saved as sentence-transformers saves it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("tiny")
    BertModel(config).save_pretrained(raw)
    tokenizer.save_pretrained(raw)
    model = SentenceTransformer(str(raw), device="cpu")
    model.max_seq_length = 8  # ships cut short, as all-MiniLM-L6-v2 does
    model.save(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_splade(tiny_folder, tmp_path_factory):
    """The tiny BERT as a random masked language model, saved as a sparse encoder."""
    import torch
    from sentence_transformers import SparseEncoder
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    raw, folder = tmp_path_factory.mktemp("raw-splade"), tmp_path_factory.mktemp("splade")
    torch.manual_seed(6)
    BertForMaskedLM(BertConfig.from_pretrained(tiny_folder, initializer_range=0.5)).save_pretrained(raw)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder, model_max_length=32)
    tokenizer.backend_tokenizer.enable_truncation(16)  # as many a tokenizer.json has it
    tokenizer.save_pretrained(raw)
    SparseEncoder(str(raw), device="cpu").save(str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_colbert(tiny_folder, tmp_path_factory):
    """A random ColBERT of 8 numbers a token, as Stanford's own code saves it: queries of 12 tokens, documents of 24."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("colbert")
    tokenizer = tiny_tokenizer("[MASK]", "[unused0]", "[unused1]", ".", ",", mask_token="[MASK]")
    config = BertConfig.from_pretrained(tiny_folder, vocab_size=len(tokenizer), initializer_range=0.5)
    torch.manual_seed(7)
    weights = {f"bert.{name}": value for name, value in BertModel(config).state_dict().items()}
    weights["linear.weight"] = torch.randn(8, 16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(
        json.dumps({**config.to_dict(), "architectures": ["HF_ColBERT"], "model_type": "bert"})
    )
    told = {"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_maxlen": 12, "doc_maxlen": 24}
    (folder / "artifact.metadata").write_text(json.dumps({**told, "mask_punctuation": True}))
    return folder


@pytest.fixture(scope="session")
def tiny_cross_encoder(tiny_folder, tmp_path_factory):
    """The tiny BERT with a random head of one label."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    torch.manual_seed(1)
    config = BertConfig.from_pretrained(tiny_folder, num_labels=1)
    model = BertForSequenceClassification(config)
    # A random head of the usual scale gives logits too close to tell apart.
    torch.nn.init.normal_(model.classifier.weight, std=2.0)
    torch.nn.init.normal_(model.bert.pooler.dense.weight, std=1.0)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder, model_max_length=32)
    tokenizer.save_pretrained(folder)
    return folder


def save_checkpoint(folder, tiny_folder, config, tensors):
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    shutil.copy(tiny_folder / "tokenizer.json", folder)
    return folder


@pytest.fixture(scope="session")
def open_provence(tiny_folder, tmp_path_factory):
    """(folder, the classifier, the pruning head) as OpenProvence stores them."""
    import torch
    from transformers import ModernBertConfig, ModernBertForSequenceClassification

    torch.manual_seed(3)
    config = ModernBertConfig(
        vocab_size=26,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        local_attention=8,
        classifier_pooling="mean",
        num_labels=1,
        initializer_range=0.5,
    )
    model = ModernBertForSequenceClassification(config).eval()
    torch.nn.init.normal_(model.model.final_norm.weight, mean=1.0)  # or the norm would hardly matter
    head = torch.nn.Linear(16, 2)
    tensors = {f"ranking_model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"pruning_head.classifier.{name}": value for name, value in head.state_dict().items()}
    stored = {
        "model_type": "open_provence",
        "base_model_config": json.loads(config.to_json_string(use_diff=False)),
        "max_length": 32,
        "auto_map": {"AutoModel": "modeling_open_provence_standalone.OpenProvenceModel"},
    }
    folder = save_checkpoint(tmp_path_factory.mktemp("open") / "model", tiny_folder, stored, tensors)
    return folder, model, head


@pytest.fixture(scope="session")
def naver(tiny_folder, tmp_path_factory):
    """(folder, the classifier, the token classifier) as naver stores them."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    torch.manual_seed(4)
    config = DebertaV2Config(
        vocab_size=26,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=8,
        pos_att_type=["p2c", "c2p"],
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        pooler_hidden_size=16,
        num_labels=1,
        initializer_range=0.5,
    )
    model = DebertaV2ForSequenceClassification(config).eval()
    head = torch.nn.Linear(16, 2)
    tensors = dict(model.state_dict()) | {
        f"token_classifier.{name}": v for name, v in head.state_dict().items()
    }
    stored = json.loads(config.to_json_string(use_diff=False)) | {"model_type": "Provence", "max_length": 32}
    folder = save_checkpoint(tmp_path_factory.mktemp("naver") / "model", tiny_folder, stored, tensors)
    return folder, model, head


@pytest.fixture(scope="session")
def classifier(tiny_folder, tmp_path_factory):
    """The tiny BERT with a random head of two labels."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    folder = tmp_path_factory.mktemp("tokens")
    torch.manual_seed(5)
    config = BertConfig.from_pretrained(tiny_folder, num_labels=2, initializer_range=0.5)
    model = BertForTokenClassification(config).eval()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(folder)
    return folder, model
