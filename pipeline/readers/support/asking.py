"""From prompts to answers: what all readers that ask a language model share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from langchain_core.documents import Document

from rlc.data.completed import generations_as_completed, in_order
from rlc.data.errors import EngineError, RlcError
from rlc.data.protocols import LLM, Generation, Prompt, Sampling
from rlc.data.records import Answer, Evidence, Example, Usage, pages_of
from rlc.pipeline.prompts import prompt_hash

# The prefix must not depend on the question, or no engine could keep it; so every question is given the same room,
# and a longer one the next power of two.
QUESTION_ROOM = 256
MARGIN = 16  # tokens may join differently where texts meet


class NothingRetrieved(RlcError):  # noqa: N818 - nothing failed on the way
    """No passage was found for a question.

    The same question on the same document finds nothing again, so this is kept as an answer is.
    """


NOTHING_RETRIEVED = NothingRetrieved.__name__  # how the error of such a question starts


@dataclass(frozen=True)
class Request:
    """A prompt ready to be asked, with what was spent on making it; or the reason why it could not be made.

    `max_tokens` is the length that the wording of its data set grants the answer; None leaves it to the reader.
    """

    prompt: Prompt | None
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    error: str | None = None
    max_tokens: int | None = None


def ask_as_completed(
    llm: LLM, requests: Sequence[Request], max_tokens: int, seed: int | Sequence[int]
) -> Iterator[tuple[int, Answer]]:
    """Ask every request that has a prompt, those of one length in one batch; yield each answer with its place.

    Requests without a prompt become failed answers.

    Args:
        llm: Answers.
        requests: What is asked.
        max_tokens: Of an answer whose request does not say so itself.
        seed: Of an engine that samples; of one that is `seeded`, one for each request, too.

    Raises:
        EngineError: if the engine does not return one generation for each prompt.
    """
    seeds = None if isinstance(seed, int) else seed
    lengths: dict[int, list[tuple[int, Prompt]]] = {}
    for place, request in enumerate(requests):
        if request.prompt is None:
            yield place, _failed(request)
        else:
            prompt = request.prompt if seeds is None else replace(request.prompt, seed=seeds[place])
            lengths.setdefault(request.max_tokens or max_tokens, []).append((place, prompt))
    for length, batch in lengths.items():
        prompts = [prompt for _, prompt in batch]
        returned = 0
        sampling = Sampling(length, seed=seed if isinstance(seed, int) else 0)
        for i, generation in generations_as_completed(llm, prompts, sampling):
            returned += 1
            if i < len(batch):
                place, prompt = batch[i]
                yield place, _answered(requests[place], prompt, generation)
        if returned != len(prompts):
            raise EngineError(f"{llm.name} returned {returned} generations to {len(prompts)} prompts")


def ask_all(llm: LLM, requests: Sequence[Request], max_tokens: int, seed: int) -> list[Answer]:
    """Ask as `ask_as_completed` does; the answers come in the requests' order."""
    return in_order(ask_as_completed(llm, requests, max_tokens, seed))


def tokens_of(example: Example, max_tokens: int) -> int:
    """The length of an answer: what its data set's wording grants, else the reader's own."""
    return example.wording.max_tokens if example.wording else max_tokens


def room_for_text(llm: LLM, frame: Prompt, max_tokens: int) -> int:
    """Tokens left for the text of `frame`, a prompt with an empty text; the same for all ordinary questions."""
    question = llm.tokenizer.count(frame.question)
    reserved = QUESTION_ROOM
    while reserved < question:
        reserved *= 2
    return llm.window - max_tokens - (llm.count(frame) - question) - reserved - MARGIN


def evidence_of(document_id: str, passage: Document) -> list[Evidence]:
    """Where a passage's text stands in its document: its own span, or those that pruners kept of it.

    A passage that does not say which document it is from is of the one that is asked about; one that does not say
    where in it gives none.
    """
    data = passage.metadata
    if "start_index" not in data:
        return []
    score = data.get("relevance_score")
    start = int(data["start_index"])
    end = int(data.get("end_index", start + len(passage.page_content)))
    whole = Evidence(
        document_id=str(data.get("source", document_id)),
        start=start,
        end=end,
        score=None if score is None else float(score),
        pages=pages_of(data, start, end),
    )
    if "kept_spans" not in data:
        return [whole]
    place = (whole.start, whole.end)
    return [
        replace(whole, start=int(a), end=int(b), passage=place, pages=pages_of(data, int(a), int(b)))
        for a, b in data["kept_spans"]
    ]


def _failed(request: Request) -> Answer:
    return Answer("", "", request.evidence, request.usage, "error", error=request.error)


def _answered(request: Request, prompt: Prompt, generation: Generation) -> Answer:
    return Answer(
        text=generation.text,
        route="",
        evidence=request.evidence,
        usage=request.usage.then(generation.cost),
        finish_reason=generation.finish_reason,
        prompt_hash=prompt_hash(prompt),
        error=generation.error,
        details={"note": generation.note} if generation.note else {},
    )


def searched(seconds: float) -> Usage:
    """What finding and refining evidence for so long cost."""
    return Usage(retrieve_seconds=seconds, seconds=seconds)
