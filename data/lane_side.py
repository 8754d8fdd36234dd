"""The lane's side: what is known is asked for over the line, and what is new is sent over it."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rlc.data.child import messages
from rlc.data.errors import RlcError
from rlc.data.lanes import Done, Keep, Known, Promise, Settle, Stop, Wanted, Work
from rlc.data.purse import Purse
from rlc.data.records import Answer
from rlc.data.store import seal, seal_of


class Connection(Protocol):
    """A lane's end of the line: that of a pipe, or two queues."""

    def send(self, message: object, /) -> None:
        """Say something to the process that asks."""
        ...

    def recv(self) -> Any:  # noqa: ANN401 - what that process says
        """Wait for what it says; EOFError or OSError once it speaks no more."""
        ...


class DistantStore:
    """A lane's view of the store, and of the purse beside it: it asks for what is known and hands on what it would write."""

    def __init__(self, connection: Connection) -> None:
        self.renewed: set[str] = set()
        self.unreadable: frozenset[str] = frozenset()
        self._connection = connection
        self._alone = threading.Lock()

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        known: Known = self._ask(Wanted(list(keys)))
        self.renewed |= known.renewed
        return dict(known.answers)

    def seals(self, keys: Sequence[str]) -> dict[str, str]:
        """The seals of the answers that are there, by key."""
        return {key: answer.seal for key, answer in self.get(keys).items()}

    def put(self, answers: Mapping[str, Answer]) -> dict[str, str]:
        """Have them kept, and return their seals; they are once this returns.

        Raises:
            DataError: if the details of one are not plain data.
        """
        rows = {key: seal(key, answer) for key, answer in answers.items()}
        self._ask(Keep(rows))
        self.renewed.difference_update(rows)
        return {key: seal_of(row) for key, row in rows.items()}

    @property
    def purse(self) -> Purse:
        """What calls are paid from, where the run has a purse."""
        return self

    def promise(self, dollars: float) -> bool:
        """Set aside what a call may cost at the most; False where it is no longer there."""
        return bool(self._ask(Promise(dollars)))

    def settle(self, promised: float, cost: float) -> None:
        """Pay what a call has cost out of what was promised for it."""
        self._ask(Settle(promised, cost))

    def _ask(self, message: object) -> Any:  # noqa: ANN401 - the reply
        with self._alone:
            self._connection.send(message)
            return self._connection.recv()


def serve(connection: Connection) -> None:
    """A lane's whole life: the work first, then batches in and findings out, until nobody asks any more."""
    try:
        work: Work = connection.recv()
        do = work.open(DistantStore(connection))
        for ask in messages(connection):
            connection.send(Done(do(ask.name, ask.batch)))
    except RlcError as error:
        with contextlib.suppress(OSError):
            connection.send(Stop(error))
    except (EOFError, ConnectionError):  # nobody listens any more
        return
