import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlc.data.protocols import Prompt
from rlc.pipeline.llms import chat as module
from rlc.pipeline.llms.chat import Chat

LONG = "the cat saw the other theme. " * 10
TEXTS = st.lists(
    st.sampled_from(["the", " the", "\n\n", " ", "é", "北", "<|im_end|>", "a,b"]), max_size=40
).map("".join)


def whole(chat, prompt):
    return chat.codec(chat.render(prompt), add_special_tokens=chat._special)["input_ids"]


@pytest.fixture(scope="module", params=["chat", "plain"])
def chat(request, tiny_llm_folder):
    return Chat("tiny", tiny_llm_folder, None, request.param)


@given(prefix=TEXTS.map(lambda text: LONG + text), questions=st.lists(TEXTS, min_size=2, max_size=3))
def test_a_kept_head_gives_the_tokens_of_the_whole_text(chat, prefix, questions):
    for question in questions:
        prompt = Prompt(prefix, question, "sys")
        assert chat.encode(prompt) == whole(chat, prompt)


def test_a_document_is_cut_into_tokens_once(chat, monkeypatch):
    seen = []
    whole_codec = chat.codec

    class Watching:
        is_fast = True
        apply_chat_template = staticmethod(whole_codec.apply_chat_template)

        def __call__(self, text, **wishes):
            seen.append(len(text))
            return whole_codec(text, **wishes)

    fresh = Chat("tiny", chat._place, None, chat._template)
    fresh.__dict__["codec"] = Watching()
    for question in ("Who?", "Where?", "Why?"):
        fresh.encode(Prompt(LONG, question, "sys"))
    assert seen[0] > len(LONG)
    assert max(seen[1:]) < len(LONG)


def test_only_the_last_documents_are_kept(chat, monkeypatch):
    monkeypatch.setattr(module, "DOCUMENTS_KEPT", 2)
    fresh = Chat("tiny", chat._place, None, chat._template)
    for i in range(5):
        prompt = Prompt(f"{i} {LONG}", "Who?")
        assert fresh.encode(prompt) == whole(fresh, prompt)
    assert len(fresh._heads) == 2


def test_two_system_texts_are_two_prompts(chat):
    for system in ("one", "two", ""):
        prompt = Prompt(LONG, "Who?", system)
        assert chat.encode(prompt) == whole(chat, prompt)


def test_a_template_that_trims(tiny_llm_folder):
    trimming = Chat("tiny", tiny_llm_folder)
    trimming.codec.chat_template = "{% for m in messages %}[{{ m['content'] | trim }}]{% endfor %}"
    for question in ("Who?", "Where?  ", ""):
        prompt = Prompt("  \n" + LONG, question, "sys")
        assert trimming.encode(prompt) == whole(trimming, prompt)


def test_an_unknown_template(tiny_llm_folder):
    with pytest.raises(ValueError, match="template must be 'chat' or 'plain', got 'chatml'"):
        Chat("tiny", tiny_llm_folder, None, "chatml")
