"""The driver: the talks of many questions go on side by side, and what they wish for at one time is done at once.

Engines that answer many prompts together get all that wait; one that answers a prompt at a time and keeps what it has
read gets, of all that wait, those that share most with what it read last. So a piece of a document is read once for all
questions on it, whatever the strategy.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlc.data.errors import MISTAKES, STOPPING, LimitError, describe
from rlc.data.protocols import Generation, together
from rlc.data.records import Answer, Step, Usage
from rlc.pipeline.readers.support.fulfil import (
    Libraries,
    Order,
    Outcome,
    balance,
    choose,
    generate,
    let_read,
    look,
    nearest,
    told,
)
from rlc.pipeline.readers.support.talk import (
    Ask,
    Attend,
    Prepare,
    Prepared,
    Read,
    Search,
    Talk,
    Weigh,
    Wish,
)

# What costs little comes first, so that as many as can be wait at an engine together.
TURNS: tuple[type[Wish], ...] = (Prepared, Prepare, Search, Read, Attend, Weigh, Ask)


@dataclass(frozen=True)
class Limit:
    """What one question may cost: calls, and tokens given and new."""

    calls: int
    tokens: int | None = None

    def granted(self, spent: Usage, wish: Wish) -> Wish:
        """The wish of a question that has spent so much.

        Raises:
            LimitError: if it would cost calls or tokens that the question may not spend.
        """
        calls = len(wish.prompts) if isinstance(wish, Ask) else int(isinstance(wish, Read | Attend | Weigh))
        if calls and spent.calls + calls > self.calls:
            raise LimitError(
                f"{spent.calls} calls were made, {calls} more are wanted, and a question may make {self.calls}; allow "
                "more with most_calls"
            )
        tokens = spent.prompt_tokens + spent.output_tokens + spent.index_tokens
        if calls and self.tokens is not None and tokens >= self.tokens:
            raise LimitError(
                f"{tokens} tokens are spent, and a question may spend {self.tokens}; allow more with most_tokens"
            )
        return wish


def run_talks(
    talks: Sequence[Talk[Answer]], limit: Limit, payer: object = None
) -> Iterator[tuple[int, Answer]]:
    """Let all talks go on to their ends; yield each answer with its talk's place as soon as it is there.

    What a talk raises fails it alone, with its cost so far. The index of a collection is charged to a `payer` once.

    Raises:
        RlcError: what would fail every question alike, and `TypeError` and `AttributeError`, which are mistakes in code.
    """
    yield from _Driver(limit, Libraries(payer)).run(talks)


@dataclass
class _Live:
    """A talk on its way, what it wishes for, and what it has cost."""

    place: int
    talk: Talk[Answer]
    wish: Wish | None = None
    steps: list[Step] = field(default_factory=list)
    usage: Usage = Usage()
    said: dict[int, Generation] = field(
        default_factory=dict
    )  # by the number of the prompt, until all are there
    last: Generation = field(default_factory=lambda: Generation(""))
    making: set[Hashable] = field(default_factory=set)
    answer: Answer | None = None

    def note(self, outcome: Outcome) -> None:
        """Write down what a wish came to; what is asked while a document is prepared is the cost of preparing it."""
        cost = _of_preparing if self.making else _itself
        self.steps += [
            replace(step, round=self.usage.rounds, usage=cost(step.usage)) for step in outcome.steps
        ]
        self.usage = self.usage.then(cost(outcome.usage))

    def whole(self, answer: Answer) -> Answer:
        """The answer with what the steps say of it."""
        hashes = [step.prompt_hash for step in self.steps if step.prompt_hash]
        note = {"note": self.last.note} if self.last.note else {}
        return replace(
            answer,
            usage=replace(self.usage, cut_tokens=answer.usage.cut_tokens),
            finish_reason=answer.finish_reason or self.last.finish_reason,
            prompt_hash=answer.prompt_hash or (hashes[-1] if hashes else ""),
            details={**note, **answer.details},
            steps=tuple(self.steps),
        )


@dataclass
class _Driver:
    limit: Limit
    libraries: Libraries
    made: dict[Hashable, Any] = field(default_factory=dict)
    making: set[Hashable] = field(default_factory=set)
    read_last: str = ""

    def run(self, talks: Sequence[Talk[Answer]]) -> Iterator[tuple[int, Answer]]:
        live = [_Live(place, talk) for place, talk in enumerate(talks)]
        for one in live:
            self._go(one, lambda one=one: next(one.talk))  # type: ignore[misc]
        while live:
            yield from ((one.place, one.answer) for one in live if one.answer is not None)
            live = [one for one in live if one.answer is None]
            # Two that wait for what the other makes make it twice.
            ready = [one for one in live if not self._is_made(one.wish)] or live[:1]
            for kind in TURNS:
                if of_kind := [(one, one.wish) for one in ready if isinstance(one.wish, kind)]:
                    self._serve(of_kind)
                    break

    def _is_made(self, wish: Wish | None) -> bool:
        """Whether another question is making what this one wants."""
        return isinstance(wish, Prepare) and wish.key in self.making

    def _serve(self, waiting: Sequence[tuple[_Live, Any]]) -> None:
        """Fulfil wishes of one kind: the first one's, and those that can be fulfilled with it."""
        one, first = waiting[0]
        if isinstance(first, Prepare):
            self._prepare(one, first)
        elif isinstance(first, Prepared):
            self._keep(one, first)
        elif isinstance(first, Search):
            group = [(o, w) for o, w in waiting if (w.shelf, w.k) == (first.shelf, first.k)]
            self._settle(group, self.libraries.search([wish for _, wish in group]))
        elif isinstance(first, Read):
            group = [(o, w) for o, w in waiting if w.reader is first.reader]
            self._settle(group, let_read([wish for _, wish in group]))
        elif isinstance(first, Attend):
            chosen = nearest(waiting, self.read_last)
            self.read_last = chosen[1].text
            self._settle([chosen], [look(chosen[1])])
        elif isinstance(first, Weigh):
            group = [(o, w) for o, w in waiting if w.llm is first.llm and w.options == first.options]
            if together(first.llm) == 1:
                group = [nearest(group, self.read_last)]
            self.read_last = group[-1][1].text
            self._settle(group, balance([wish for _, wish in group]))
        else:
            self._ask([(o, w) for o, w in waiting if w.llm is first.llm])

    def _ask(self, waiting: Sequence[tuple[_Live, Ask]]) -> None:
        llm = waiting[0][1].llm
        single = together(llm) == 1
        by_place = {one.place: one for one, _ in waiting}
        orders = [
            Order(one.place, wish, number)
            for one, wish in waiting
            for number in range(len(wish.prompts))
            if number not in one.said
        ]
        batch = choose(orders, self.read_last, single=single)
        for order, generation in zip(batch, generate(llm, batch), strict=True):
            by_place[order.place].said[order.number] = generation
        self.read_last = batch[-1].text
        for one, wish in waiting:
            if len(one.said) == len(wish.prompts):
                generations = [one.said[number] for number in range(len(wish.prompts))]
                one.said, one.last = {}, generations[-1]
                self._settle([(one, wish)], [told(wish, generations, single=single)])

    def _prepare(self, one: _Live, wish: Prepare) -> None:
        there = wish.key in self.made
        if not there:
            self.making.add(wish.key)
            one.making.add(wish.key)
        self._go(one, lambda: one.talk.send((there, self.made.get(wish.key))))

    def _keep(self, one: _Live, wish: Prepared) -> None:
        self.made[wish.key] = wish.value
        self.making.discard(wish.key)
        one.making.discard(wish.key)
        self._go(one, lambda: one.talk.send(None))

    def _settle(self, waiting: Sequence[tuple[_Live, Wish]], outcomes: Sequence[Outcome]) -> None:
        """Tell talks what their wishes came to."""
        for (one, _), outcome in zip(waiting, outcomes, strict=True):
            one.note(outcome)
            error, reply = outcome.error, outcome.reply
            if error is None:
                self._go(one, lambda one=one, reply=reply: one.talk.send(reply))  # type: ignore[misc]
            else:
                self._go(one, lambda one=one, error=error: one.talk.throw(error))  # type: ignore[misc]

    def _go(self, one: _Live, on: Callable[[], Wish]) -> None:
        """Let a talk go on to its next wish or its end."""
        try:
            one.wish = self.limit.granted(one.usage, on())
        except StopIteration as end:
            one.answer = one.whole(end.value)
        except (*STOPPING, *MISTAKES):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a talk raises fails its own question
            one.answer = Answer(
                "", "", usage=one.usage, finish_reason="error", error=describe(error), steps=tuple(one.steps)
            )
        if one.answer is not None:
            self.making -= one.making


def _itself(usage: Usage) -> Usage:
    return usage


def _of_preparing(usage: Usage) -> Usage:
    return Usage(
        index_tokens=usage.index_tokens + usage.prompt_tokens + usage.output_tokens,
        index_seconds=usage.seconds,
        seconds=usage.seconds,
        calls=usage.calls,
        rounds=usage.rounds,
    )
