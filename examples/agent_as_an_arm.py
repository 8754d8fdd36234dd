"""A LangGraph agent as an arm beside RAG and the whole document, and a reader of this project inside a chain.

The agent looks for the question's rarest word, opens the paragraph around it, and asks its model. The chat model here is a
stand-in that repeats what it read; put any langchain chat model in its place. As a third arm of a comparison:

    PYTHONPATH=examples rlc compare --recipe examples/agent_as_an_arm.toml --arms rag,long,agent --allow-code
"""

from typing import Any, TypedDict

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langgraph.graph import END, START, StateGraph

from rlc.data.records import Answer, Example
from rlc.pipeline.readers.runnable import RunnableReader, as_runnable

TEXT = """The harbour light was built in 1871 by Ada Lowe.

It cost $1,093,095, of which the town paid 3.5%.

The lamp was sold to the museum of the next town."""


class State(TypedDict, total=False):
    """What the agent knows."""

    question: str
    document: Document
    passage: str
    answer: str


def look(state: State) -> State:
    """Find the paragraph that holds most of the question's words."""
    words = {word.strip("?.,").lower() for word in state["question"].split()}
    paragraphs = state["document"].page_content.split("\n\n")
    return {"passage": max(paragraphs, key=lambda text: sum(word in text.lower() for word in words))}


def read(state: State) -> State:
    """Ask the model about it."""
    reply = MODEL.invoke(f"{state['passage']}\n\n{state['question']}")
    return {"answer": str(reply.text)}


class Repeats(BaseChatModel):
    """The stand-in: its answer is what it was given to read."""

    @property
    def _llm_type(self) -> str:
        return "repeats"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        text = messages[-1].text.partition("\n\n")[0]
        read, written = len(messages[-1].text.split()), len(text.split())
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, usage_metadata=usage))])


MODEL = Repeats()


def make() -> Runnable[State, State]:
    """The agent: look, then read."""
    graph = StateGraph(State)
    graph.add_node("look", look)
    graph.add_node("read", read)
    graph.add_edge(START, "look")
    graph.add_edge("look", "read")
    graph.add_edge("read", END)
    return graph.compile()


def main() -> Answer:
    """Ask the agent through the reader, and the reader through a chain."""
    reader = RunnableReader(runnable=make())
    example = Example("1", "Who built the light?", Document(id="light", page_content=TEXT))
    [answer] = reader([example])
    chained = as_runnable(reader) | (lambda answer: answer.text)
    assert chained.invoke({"question": example.question, "document": TEXT}) == answer.text
    return answer


if __name__ == "__main__":
    print(main().text)
