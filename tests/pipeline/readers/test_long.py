import pytest

from rlc.data.errors import EngineUnavailableError
from rlc.data.prompt_files import read_prompts
from rlc.data.records import Wording
from rlc.pipeline import context
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.prompts import long_prompt
from rlc.pipeline.readers import long as module
from rlc.pipeline.readers.long import LongReader

QUESTIONS = ["Who?", "Where?", "When?"]
ECHO = {question: f"{question} indeed" for question in QUESTIONS}
WORDS = " ".join(f"w{i}" for i in range(300))  # two tokens a word


def interleaved(make_example):
    return [
        make_example(f"{question}{name}", question, f"text of {name}", name)
        for question in QUESTIONS
        for name in ("z", "a", "m")
    ]


def test_answers_keep_the_order_of_interleaved_documents(make_example):
    llm = ScriptedLLM(lambda prompt: prompt.prefix.split("\n\n")[1] + " " + prompt.question.split()[1])
    examples = interleaved(make_example)
    answers = LongReader(llm)(examples)
    assert [a.text for a in answers] == [f"text of {e.document_id} {e.question}" for e in examples]


def test_one_prefix_a_document_and_its_questions_together(make_example):
    llm = ScriptedLLM(ECHO)
    answers = LongReader(llm)(interleaved(make_example))
    prefixes = [prompt.prefix for prompt in llm.calls[0].prompts]
    assert len(llm.calls) == 1
    assert len(set(prefixes)) == 3
    assert prefixes == sorted(prefixes)
    assert [answer.usage.cached_tokens > 0 for answer in answers] == [False] * 3 + [True] * 6


def test_the_prompt_by_hand(make_example):
    llm = ScriptedLLM(ECHO)
    [answer] = LongReader(llm, max_tokens=9, seed=4)([make_example("a", text="Once. {x}", kind="paper")])
    [call] = llm.calls
    assert call.prompts == (long_prompt(read_prompts(LongReader), "paper", "Once. {x}", "Who?"),)
    assert (call.max_tokens, call.seed) == (9, 4)
    assert answer.usage.cut_tokens == 0
    assert answer.evidence == ()


def test_the_authors_wording_and_answer_length_win(make_example):
    llm = ScriptedLLM({"Q: Who?": "Ann", "Who?": "Bob"})
    wording = Wording("Read: {text}", "Q: {question}", 5)
    examples = [make_example("a", text="Once."), make_example("b", text="Once.", wording=wording)]
    answers = LongReader(llm, max_tokens=9)(examples)
    lengths = {call.max_tokens: [prompt.prefix for prompt in call.prompts] for call in llm.calls}
    assert lengths == {
        9: [long_prompt(read_prompts(LongReader), "book", "Once.", "Who?").prefix],
        5: ["Read: Once."],
    }
    assert len({answer.prompt_hash for answer in answers}) == 2


@pytest.mark.parametrize("overflow", ["middle", "head"])
def test_a_long_document_is_cut_and_says_so(make_example, overflow):
    llm = ScriptedLLM(ECHO, window=600)
    examples = [make_example(q, q, WORDS) for q in QUESTIONS]
    answers = LongReader(llm, overflow=overflow)(examples)
    assert [answer.error for answer in answers] == [None] * 3
    [cut] = {answer.usage.cut_tokens for answer in answers}
    text = llm.calls[0].prompts[0].prefix.split("\n\n", 1)[1].removesuffix("\n\n")
    assert (context.GAP in text) == (overflow == "middle")
    gap = llm.tokenizer.count(context.GAP) if overflow == "middle" else 0
    assert llm.tokenizer.count(text) - gap + cut == llm.tokenizer.count(WORDS)
    assert max(answer.usage.prompt_tokens for answer in answers) + 64 <= 600
    assert answers[0].usage.prompt_tokens > 600 - 64 - 256 - 16, "the room is used"


def test_a_document_is_fitted_once(make_example, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "fit", lambda *given: calls.append(given) or context.fit(*given))
    LongReader(ScriptedLLM(ECHO, window=600))([make_example(q, q, WORDS) for q in QUESTIONS])
    assert len(calls) == 1


def test_refusing_is_a_row_and_the_others_go_on(make_example):
    llm = ScriptedLLM(ECHO, window=600)
    examples = [make_example("a", text=WORDS, document_id="a"), make_example("b", document_id="b")]
    refused, read = LongReader(llm, overflow="refuse")(examples)
    assert refused.error.startswith("ContextOverflowError: the document has 600 tokens")
    assert (refused.text, refused.finish_reason) == ("", "error")
    assert read.text == "Who? indeed"


def test_a_question_longer_than_the_window_fails_alone(make_example):
    llm = ScriptedLLM({"": "x"}, window=600)
    failed, read = LongReader(llm)([make_example("a", "why " * 700), make_example("b")])
    assert failed.error.startswith("ContextOverflowError: no room for the document")
    assert read.error is None


def test_two_documents_without_an_id_are_two_documents(make_example):
    llm = ScriptedLLM(lambda prompt: prompt.prefix)
    examples = [
        make_example("a", text="first text", document_id=None),
        make_example("b", text="second", document_id=None),
    ]
    first, second = LongReader(llm)(examples)
    assert "first text" in first.text
    assert "second" in second.text


def test_an_engine_that_is_gone_stops_the_run(make_example):
    def gone(prompt):
        raise EngineUnavailableError("nobody there")

    with pytest.raises(EngineUnavailableError):
        LongReader(ScriptedLLM(gone))([make_example("a")])


def test_an_empty_document_and_no_questions(make_example):
    reader = LongReader(ScriptedLLM(ECHO))
    assert reader([make_example("a", text="")])[0].text == "Who? indeed"
    assert reader([]) == []


def test_bad_settings():
    with pytest.raises(ValueError, match="overflow must be one of"):
        LongReader(ScriptedLLM({}), overflow="tail")
