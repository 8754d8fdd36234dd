"""What becomes of wishes: engines, libraries and readers are asked, and every wish learns what it came to."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np

from rlc.data.completed import generations_as_completed, in_order
from rlc.data.errors import STOPPING, EngineError, RlcError, describe
from rlc.data.protocols import LLM, Generation, Prompt, Sampling, attending, weighing
from rlc.data.records import Step, Usage, document_name
from rlc.pipeline.llms.support.forwarding import ForwardingLLM
from rlc.pipeline.prompts import prompt_hash
from rlc.pipeline.readers.support.asking import evidence_of
from rlc.pipeline.readers.support.searching import Library
from rlc.pipeline.readers.support.talk import Ask, Attend, Read, Search, Weigh

Owner = TypeVar("Owner")
Shown = TypeVar("Shown", Attend, Weigh)


class Outcome(NamedTuple):
    """What a wish came to: the reply, or the error that its talk is to meet, and what it cost."""

    reply: object
    steps: Sequence[Step] = ()
    usage: Usage = Usage()
    error: Exception | None = None


class Order(NamedTuple):
    """One prompt of a talk's wish; `place` is the talk's."""

    place: int
    ask: Ask
    number: int

    @property
    def prompt(self) -> Prompt:
        return self.ask.prompts[self.number]

    @property
    def text(self) -> str:
        """All that it says."""
        return self.prompt.whole

    @property
    def start(self) -> tuple[str, str]:
        """What all prompts on one text begin with."""
        return self.prompt.system, self.prompt.prefix

    @property
    def sampling(self) -> Sampling:
        """How it is answered: prompts that are equal in this can be asked in one call."""
        return self.ask.samplings[self.number]


def choose(orders: Sequence[Order], read_last: str, *, single: bool) -> list[Order]:
    """The prompts that are asked next, in one call, in the order in which they are asked.

    All that can be, those on one text next to each other; of a `single` engine, which answers a prompt at a time and
    keeps what it has read, the one that shares most with what it read last.
    """
    if not single:
        batch = [order for order in orders if order.sampling == orders[0].sampling]
        return sorted(batch, key=lambda order: order.start)
    starts = dict.fromkeys(order.start for order in orders)  # long and few: each is compared once
    nearest = max(starts, key=lambda start: shared_start(read_last, "".join(start)))
    on_it = [order for order in orders if order.start == nearest]
    return [max(on_it, key=lambda order: shared_start(read_last, order.text))]


def generate(llm: LLM, batch: Sequence[Order]) -> list[Generation]:
    """A generation an order; where the engine refuses the batch, each is asked alone, so that one fails alone.

    Raises:
        RlcError: what would fail every question alike.
        EngineError: if the engine does not return one generation for each prompt.
    """
    prompts = [order.prompt for order in batch]
    try:
        # One by one, so that what wraps the engine can keep each as soon as it is there.
        generations = in_order(generations_as_completed(llm, prompts, batch[0].sampling))
    except STOPPING:
        raise
    except RlcError as error:
        if len(batch) == 1:
            return [Generation("", "error", error=describe(error))]
        return [generation for order in batch for generation in generate(llm, [order])]
    if len(generations) != len(batch):
        raise EngineError(f"{llm.name} returned {len(generations)} generations to {len(batch)} prompts")
    return generations


def told(wish: Ask, generations: Sequence[Generation], *, single: bool) -> Outcome:
    """What a wish came to when all its prompts are answered: one after the other by a `single` engine, else at once."""
    costs = [generation.cost for generation in generations]
    steps = [
        Step(wish.name, wish.kind, 0, said.text, prompt_hash(prompt), usage=cost, error=said.error)
        for prompt, said, cost in zip(wish.prompts, generations, costs, strict=True)
    ]
    usage = Usage.total(costs) if single else Usage.at_once(costs)
    return Outcome(generations, steps, replace(usage, rounds=1))


def nearest(waiting: Sequence[tuple[Owner, Shown]], read_last: str) -> tuple[Owner, Shown]:
    """The wish whose prompt shares most with what the engine read last."""
    return max(waiting, key=lambda pair: shared_start(read_last, pair[1].text))


def look(wish: Attend) -> Outcome:
    """Let an engine show what it attends to, or recall what it showed before."""

    def watch(prompts: Sequence[Prompt]) -> list[Generation]:
        engine = attending(wish.llm)
        watched = [engine.watch(one, wish.see, since=wish.since, layers=wish.layers) for one in prompts]
        return [_kept(wish.total(one.values), one.usage) for one in watched]

    [outcome] = _measured([wish], ["attention", wish.about, wish.since, wish.layers], watch)
    return outcome


def balance(wishes: Sequence[Weigh]) -> list[Outcome]:
    """Let an engine weigh the same options for prompts, or recall what they weighed before."""
    first = wishes[0]

    def weigh(prompts: Sequence[Prompt]) -> list[Generation]:
        weighed = weighing(first.llm).weigh(prompts, [first.options] * len(prompts))
        return [_kept(one.values, one.usage) for one in weighed]

    return _measured(wishes, ["weigh", list(first.options)], weigh)


def _measured(
    wishes: Sequence[Attend | Weigh],
    about: Sequence[object],
    make: Callable[[Sequence[Prompt]], list[Generation]],
) -> list[Outcome]:
    """Numbers of prompts that are read and not answered; where the engine refuses all, each is read alone."""
    llm, prompts = wishes[0].llm, [wish.prompt for wish in wishes]
    try:
        said = llm.recall(about, prompts, make) if isinstance(llm, ForwardingLLM) else make(prompts)
    except STOPPING:
        raise
    except RlcError as error:
        if len(wishes) == 1:
            return [Outcome(None, error=error)]
        return [outcome for wish in wishes for outcome in _measured([wish], about, make)]
    return [
        Outcome(
            np.array(one.text.split(), np.float32),
            [Step(wish.name, wish.kind, 0, one.text, prompt_hash(wish.prompt), usage=one.cost)],
            one.cost,
        )
        for wish, one in zip(wishes, said, strict=True)
    ]


def _kept(numbers: Iterable[float], usage: Usage) -> Generation:
    """Numbers as a memory keeps them."""
    return Generation(" ".join(f"{value:.6g}" for value in numbers), usage=usage)


@dataclass
class Libraries:
    """What has been indexed for a batch of questions; a collection's index is charged to `payer` once."""

    payer: object
    opened: dict[Hashable, Library] = field(default_factory=dict)

    def search(self, wishes: Sequence[Search]) -> list[Outcome]:
        """Search one library for wishes that want as many passages each."""
        first = wishes[0]
        key = first.shelf
        try:
            if key not in self.opened:
                self.opened[key] = first.searcher.open(first.document)
            found = iter(
                self.opened[key].search([query for wish in wishes for query in wish.queries], first.k)
            )
        except STOPPING:
            raise
        except RlcError as error:
            return [Outcome(None, error=error) for _ in wishes]
        outcomes = []
        for wish in wishes:
            mine = [next(found) for _ in wish.queries]
            costs = [self.opened[key].charged_to(self.payer).then(usage) for _, usage in mine]
            own = document_name(wish.document)
            steps = [
                Step(
                    wish.name,
                    wish.kind,
                    0,
                    query,
                    evidence=tuple(piece for passage in passages for piece in evidence_of(own, passage)),
                    usage=cost,
                )
                for query, (passages, _), cost in zip(wish.queries, mine, costs, strict=True)
            ]
            outcomes.append(Outcome([list(passages) for passages, _ in mine], steps, Usage.total(costs)))
        return outcomes


def let_read(wishes: Sequence[Read]) -> list[Outcome]:
    """Let one reader answer; where it refuses the batch, each question is asked alone, so that one fails alone."""
    try:
        answers = wishes[0].reader([wish.example for wish in wishes])
    except STOPPING:
        raise
    except RlcError as error:
        if len(wishes) == 1:
            return [Outcome(None, error=error)]
        return [outcome for wish in wishes for outcome in let_read([wish])]
    if len(answers) != len(wishes):
        raise EngineError(f"a reader returned {len(answers)} answers to {len(wishes)} questions")
    return [
        Outcome(
            answer,
            [
                Step(
                    wish.name,
                    wish.kind,
                    0,
                    answer.text,
                    answer.prompt_hash,
                    answer.evidence,
                    answer.usage,
                    answer.error,
                )
            ],
            answer.usage,
        )
        for wish, answer in zip(wishes, answers, strict=True)
    ]


def shared_start(one: str, other: str) -> int:
    """The length of the text with which both begin, by halving: prompts are long and the interpreter is slow."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
