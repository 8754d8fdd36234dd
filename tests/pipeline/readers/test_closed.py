from rlc.pipeline.llms.scripted import ScriptedLLM
from rlc.pipeline.readers.closed import ClosedBookReader


def test_it_is_asked_the_question_and_nothing_else(make_example):
    llm = ScriptedLLM({"Who": "Ann", "Where": "Here"})
    reader = ClosedBookReader(llm, max_tokens=7, seed=3)
    examples = [make_example("a", "Where?", "SECRET"), make_example("b", "Who?", "SECRET")]
    assert [answer.text for answer in reader(examples)] == ["Here", "Ann"]
    [call] = llm.calls
    assert (call.max_tokens, call.seed) == (7, 3)
    assert not any("SECRET" in part for p in call.prompts for part in (p.prefix, p.question, p.system))


def test_no_evidence_and_no_questions(make_example):
    reader = ClosedBookReader(ScriptedLLM({"": "x"}))
    assert reader([make_example("a")])[0].evidence == ()
    assert reader([]) == []
