import json

import pytest

from rlc.chunkers import PropositionChunker, SentenceChunker
from rlc.chunkers.proposition import parse
from rlc.chunkers.support.proposition_writers import Seq2SeqWriter
from rlc.data.errors import EngineError, WeightsError
from rlc.data.prompt_files import read_prompts
from rlc.data.protocols import Generation
from rlc.data.records import Document, Usage

TEXT = "Ann, a cook, has a cat. It is old. Bob has a dog. "
FACTS = ["Ann is a cook.", "Ann has a cat."]


class Writer:
    name = "writer"

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []

    def generate(self, prompts, **settings):
        self.asked += [(prompt, settings) for prompt in prompts]
        return [Generation(text, usage=Usage(prompt_tokens=10, output_tokens=2)) for text in self.answers]


def test_propositions_keep_the_slice_they_came_from():
    writer = Writer(json.dumps(FACTS), "I cannot do that.")
    chunker = PropositionChunker(llm=writer, inner=SentenceChunker(size=14))
    chunks = chunker.split(Document(page_content=TEXT, id="d", metadata={"title": "Pets"}))
    assert [c.metadata.get("text_to_embed") for c in chunks] == [*FACTS, None]
    assert [c.id for c in chunks] == ["d:0-35#0", "d:0-35#1", "d:35-50#0"]
    assert chunks[0].page_content == chunks[1].page_content == TEXT[:35]
    assert [c.metadata["index_tokens"] for c in chunks] == [12, 0, 12]
    assert chunker.fallbacks == 1
    assert [c.metadata.get("fallback", False) for c in chunks] == [False, False, True]
    prompt, settings = writer.asked[0]
    assert prompt.prefix == read_prompts(PropositionChunker).texts["ask.prefix"]
    assert prompt.prefix.startswith("Decompose the passage into clear and simple propositions")
    assert "Title: Pets. Section: . Content: Ann, a cook, has a cat. It is old." in prompt.question
    assert settings["schema"] is None


def test_guided_output_asks_for_a_list_of_strings():
    writer = Writer("[]")
    PropositionChunker(llm=writer, guided=True).split(Document(page_content="Ann."))
    assert writer.asked[0][1]["schema"]["items"] == {"type": "string"}


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (json.dumps(FACTS), FACTS),
        ("Sure:\n" + json.dumps(FACTS) + "\nDone.", FACTS),
        ("[]", []),
        ("", []),
        ("] [", []),
        ('["a", 3]', []),
        ('["a", "b"', []),
        ('{"a": ["b"', []),
    ],
)
def test_only_a_json_list_of_strings_is_taken(answer, facts):
    assert parse(answer) == facts


def test_an_engine_that_fails_is_not_taken_for_one_that_writes_badly():
    class Broken(Writer):
        def generate(self, prompts, **settings):
            return [Generation("", error="no memory") for _ in prompts]

    with pytest.raises(EngineError, match="no memory"):
        PropositionChunker(llm=Broken()).split(Document(page_content="Ann."))


@pytest.mark.parametrize("settings", [{}, {"llm": Writer(), "model": "t5"}])
def test_exactly_one_writer_is_wanted(settings):
    with pytest.raises(ValueError, match="either llm or model"):
        PropositionChunker(**settings)


def test_a_sequence_to_sequence_model_writes_in_batches(tmp_path):
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    words = ["<pad>", "</s>", "<unk>", "Title", "Content", "Ann", "."]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained(tmp_path)
    config = T5Config(
        vocab_size=len(words), d_model=8, d_ff=8, d_kv=4, num_heads=2, num_layers=1, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    written = Seq2SeqWriter(str(tmp_path), max_tokens=4, batch=2)(["Ann . Ann", "Ann", "Title ."])
    assert len(written) == 3
    assert all(one.tokens > 0 for one in written)
    chunker = PropositionChunker(model=str(tmp_path), max_tokens=4)
    chunks = chunker.split(Document(page_content="Ann has a cat. Bob has none."))
    assert [c.page_content for c in chunks] == ["Ann has a cat. ", "Bob has none."]
    assert chunker.fallbacks == 1


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="sequence-to-sequence"):
        Seq2SeqWriter(str(tmp_path), max_tokens=4)
