import pytest

from rlc.chunkers import FixedChunker
from rlc.data.errors import EngineError
from rlc.data.protocols import Generation, Prompt
from rlc.data.records import Document, Evidence, Usage
from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.support.asking import QUESTION_ROOM, Request, ask_all, evidence_of, room_for_text

EVIDENCE = (Evidence("d", 0, 3),)
FOUND = Usage(index_seconds=2.0, retrieve_seconds=0.5, cut_tokens=7, seconds=2.5)


class Timed:
    """An engine whose every answer took three seconds, one of them to the first token."""

    name, window = "timed", 100
    tokenizer = ScriptedLLM({}).tokenizer

    def __init__(self, missing=0):
        self.missing = missing

    def count(self, prompt):
        return 1

    def generate(self, prompts, **wishes):
        usage = Usage(prompt_tokens=4, first_token_seconds=1.0, seconds=3.0)
        return [Generation(p.question, "stop", usage) for p in prompts][: len(prompts) - self.missing]


def test_answers_come_in_order_and_failures_stand_among_them():
    requests = [Request(None, error="no room"), Request(Prompt("", "a")), Request(Prompt("", "b"), EVIDENCE)]
    failed, first, second = ask_all(ScriptedLLM({"a": "A", "b": "B"}), requests, 5, 0)
    assert (failed.error, failed.text, failed.finish_reason) == ("no room", "", "error")
    assert (first.text, first.finish_reason, first.error) == ("A", "stop", None)
    assert (second.text, second.evidence) == ("B", EVIDENCE)
    assert first.prompt_hash != second.prompt_hash
    assert failed.prompt_hash == ""


def test_all_are_asked_in_one_batch_with_the_wishes():
    llm = ScriptedLLM({"": "x"})
    ask_all(llm, [Request(Prompt("", "a")), Request(Prompt("", "b"))], 5, 9)
    assert [(len(call.prompts), call.max_tokens, call.seed) for call in llm.calls] == [(2, 5, 9)]


def test_without_a_prompt_the_engine_is_not_asked():
    llm = ScriptedLLM({})
    assert len(ask_all(llm, [Request(None, error="x")] * 2, 5, 0)) == 2
    assert ask_all(llm, [], 5, 0) == []
    assert llm.calls == []


def test_the_engines_failure_is_the_answers():
    [answer] = ask_all(ScriptedLLM({}), [Request(Prompt("", "a"), EVIDENCE, FOUND)], 5, 0)
    assert answer.error.startswith("the script has no answer")
    assert answer.finish_reason == "error"
    assert answer.usage.index_seconds == 2.0


def test_finding_the_evidence_belongs_to_the_time():
    [answer] = ask_all(Timed(), [Request(Prompt("", "a"), usage=FOUND)], 5, 0)
    assert answer.usage == Usage(
        prompt_tokens=4,
        cut_tokens=7,
        calls=1,
        rounds=1,
        index_seconds=2.0,
        retrieve_seconds=0.5,
        first_token_seconds=3.5,
        seconds=5.5,
    )


def test_time_spent_before_a_failure_is_not_lost():
    [answer] = ask_all(Timed(), [Request(None, usage=FOUND, error="x")], 5, 0)
    assert (answer.usage.seconds, answer.usage.first_token_seconds) == (2.5, None)


def test_an_engine_that_swallows_a_prompt_is_found_out():
    with pytest.raises(EngineError, match="timed returned 1 generations to 2 prompts"):
        ask_all(Timed(missing=1), [Request(Prompt("", "a")), Request(Prompt("", "b"))], 5, 0)


def test_room_by_hand():
    llm = ScriptedLLM({}, window=1000)
    frame = Prompt("a b c", "d e", "f")
    assert room_for_text(llm, frame, 64) == 1000 - 64 - 4 - QUESTION_ROOM - 16


def test_ordinary_questions_leave_the_same_room():
    llm = ScriptedLLM({}, window=5000)
    rooms = [room_for_text(llm, Prompt("a", "q " * n), 64) for n in (1, 100, 256, 257, 512, 513)]
    assert rooms[0] == rooms[1] == rooms[2]
    assert rooms[3] == rooms[4] == rooms[2] - 256
    assert rooms[5] == rooms[4] - 512


def test_evidence_says_on_which_pages_of_a_pdf_it_stands():
    document = Document("One page.\n\nAnother.", id="a.pdf", metadata={"pages": (0, 11)})
    chunks = FixedChunker(size=4).transform_documents([document])
    found = [one for chunk in chunks for one in evidence_of("a.pdf", chunk)]
    assert [chunk.page_content for chunk in chunks] == ["One page.\n\nAnothe", "r."]
    assert [one.pages for one in found] == [(1, 2), (2, 2)]
    pruned = Document("One", metadata={**chunks[0].metadata, "kept_spans": [(0, 3), (11, 14)]})
    assert [one.pages for one in evidence_of("a.pdf", pruned)] == [(1, 1), (2, 2)]
