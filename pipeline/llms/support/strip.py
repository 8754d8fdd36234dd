"""A strip: the keys and values of many prompts in one row of a cache, so that one pass over the weights moves all on.

Each prompt is a path of columns through the strip. Paths that begin with the same tokens share the columns of these, so
a document stands there once, however many questions are asked on it; a mask keeps every path to its own columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from rlc.pipeline.llms.support.batching import shared_tokens
from rlc.pipeline.llms.support.folded_attention import folded
from rlc.pipeline.llms.support.growing_cache import growing_cache
from rlc.pipeline.llms.support.reading import sent

if TYPE_CHECKING:
    import torch

    from rlc.pipeline.llms.support.growing_layer import GrowingLayer

MEMORY = (
    2**30
)  # bytes that prompts side by side may have for keys and values, also where the window takes fewer


@dataclass(eq=False)
class Path:
    """A text in the strip: its token ids, and the columns that hold their keys and values, int64 [tokens]."""

    tokens: list[int]
    columns: "torch.Tensor"


class Strip:
    """What a causal model has read, for prompts that are answered side by side.

    Closed paths stay for prompts that begin alike, in as many columns as one prompt may have.

    Args:
        model: of transformers; all its layers attend to everything before them, positions are rotary.
        step: prompt tokens computed at a time.
        window: the most tokens of one prompt and its answer.
    """

    def __init__(self, model: Any, step: int, window: int) -> None:  # noqa: ANN401 - a transformers model
        self._model = model
        self._step = step
        self._window = window
        self._cache = growing_cache()
        self._open: list[Path] = []
        self._closed: list[Path] = []

    @property
    def columns(self) -> int:
        """The columns that are held, those of closed paths included."""
        return int(self._cache.get_seq_length())

    def expect(self, prompts: Sequence[Sequence[int]]) -> None:
        """Give up the closed paths with which none of these prompts shares at least half."""
        self._closed = [
            path
            for path in self._closed
            if any(2 * shared_tokens(path.tokens, ids) >= len(path.tokens) for ids in prompts)
        ]
        self._compact()

    def fits(self, ids: Sequence[int], beside: int) -> bool:
        """Whether a prompt has room beside the open paths, and each of these for `beside` further tokens."""
        _, shared = self._nearest(ids)
        answers = (len(self._open) + 1) * beside
        return len(self._live(self._open)) + len(ids) - shared + answers <= self._room

    @property
    def _room(self) -> int:
        """The most columns of open paths: as many as one prompt may have, or as take `MEMORY`."""
        held = sum(layer.nbytes for layer in _layers(self._cache))
        return max(self._window, MEMORY * self.columns // held if held else 0)

    def open(self, ids: Sequence[int]) -> "tuple[Path, int, torch.Tensor]":
        """Read a prompt; what it shares with a path, token for token from the start, is not computed again.

        What breaks the reading off, an interrupt too, leaves the other paths as they were.

        Returns:
            Its path, how many tokens were there already, and the logits [vocabulary] after its last token.
        """
        import torch

        near, shared = self._nearest(ids)
        path = Path(list(ids[:shared]), near.columns[:shared] if near else torch.empty(0, dtype=torch.int64))
        if self._closed and self.columns - len(self._live([*self._open, path])) > self._window:
            self._closed = []
            self._compact(path)
        rest = list(ids[shared:])
        held = self.columns
        try:
            with torch.inference_mode(), folded(self._model):
                read = self._read_here if 2 * shared >= held else self._read_apart
                logits = read(path, rest)
        except BaseException:
            self._cut(held)
            raise
        path.tokens += rest
        path.columns = torch.cat((path.columns, torch.arange(held, self.columns)))
        self._open.append(path)
        return path, shared, logits

    def advance(self, paths: Sequence[Path], tokens: Sequence[int]) -> "torch.Tensor":
        """Put one token behind each of these open paths, in one pass; logits [paths, vocabulary].

        What breaks the pass off leaves all paths as they were.
        """
        import torch

        held = self.columns
        positions = [len(path.tokens) for path in paths]
        alone = len(paths) == 1 and positions[0] == held
        try:
            with torch.inference_mode(), folded(self._model):
                seen = torch.stack([self._seen(path) for path in paths])
                mask = None if alone else self._mask(seen, torch.eye(len(paths), dtype=torch.bool))
                logits = self._run(self._cache, tokens, positions, mask, keep=len(tokens))
        except BaseException:
            self._cut(held)
            raise
        for i, (path, token) in enumerate(zip(paths, tokens, strict=True)):
            path.tokens.append(token)
            path.columns = torch.cat((path.columns, torch.tensor([held + i])))
        return logits

    def close(self, path: Path) -> None:
        """Say that nothing more will be put behind a path, if it was not given up with all others."""
        if path in self._open:
            self._open.remove(path)
            self._closed.append(path)

    def clear(self) -> None:
        """Give up all that was read."""
        self._open, self._closed = [], []
        self._cache = growing_cache()

    def adopt(self, cache: Any, tokens: Sequence[int]) -> None:  # noqa: ANN401 - a transformers cache
        """Go on from what was read of one text elsewhere, if it was; what is here is given up for it."""
        import torch

        if tokens and cache.get_seq_length() == len(tokens):
            self._open, self._closed = [], [Path(list(tokens), torch.arange(len(tokens)))]
            self._cache = cache

    def give_up(self, ids: Sequence[int]) -> tuple[Any, list[int]]:
        """Hand over the cache with the one text that shares most with a prompt, and that text's tokens."""
        near, _ = self._nearest(ids)
        self._open, self._closed = [], [near] if near else []
        self._compact()
        cache, tokens = self._cache, near.tokens if near else []
        self.clear()
        return cache, tokens

    def bytes_of(self, path: Path) -> int:
        """The size of a path's keys and values."""
        return sum(layer.nbytes for layer in _layers(self._cache)) * len(path.columns) // self.columns

    # -- reading -------------------------------------------------------------------------------------------------

    def _nearest(self, ids: Sequence[int]) -> tuple[Path | None, int]:
        """The path with which a prompt shares most, and how much; its last token is computed in any case."""
        found: tuple[Path | None, int] = (None, 0)
        for path in (*self._open, *self._closed):
            shared = min(shared_tokens(path.tokens, ids), len(ids) - 1)
            if shared > found[1]:
                found = path, shared
        return found

    def _read_here(self, path: Path, ids: list[int]) -> "torch.Tensor":
        """Read on where the strip ends: what the prompt shares is not copied, the other columns are masked."""
        import torch

        alone = len(path.columns) == self.columns
        seen = self._seen(path)
        first = len(path.tokens)
        for start in range(0, len(ids), self._step):
            some = ids[start : start + self._step]
            mask = (
                None if alone else self._mask(seen, torch.ones(len(some), len(some), dtype=torch.bool).tril())
            )
            positions = range(first + start, first + start + len(some))
            logits = self._run(self._cache, some, positions, mask)
            seen = torch.cat((seen, torch.ones(len(some), dtype=torch.bool)))
        return logits[-1]

    def _read_apart(self, path: Path, ids: list[int]) -> "torch.Tensor":
        """Read in a cache of its own and put that behind the others: masking all of theirs would cost more."""
        import torch

        apart = growing_cache()
        shared = len(path.columns)
        if shared:
            for index, layer in enumerate(_layers(self._cache)):
                apart.update(*layer.at(path.columns), index)
        for start in range(0, len(ids), self._step):
            some = ids[start : start + self._step]
            positions = range(shared + start, shared + start + len(some))
            logits = self._run(apart, some, positions, None)
        new = torch.arange(shared, shared + len(ids))
        for index, layer in enumerate(_layers(apart)):
            self._cache.update(*layer.at(new), index)
        return logits[-1]

    def _run(
        self,
        cache: Any,  # noqa: ANN401 - a transformers cache
        ids: Sequence[int],
        positions: Sequence[int],
        mask: "torch.Tensor | None",
        keep: int = 1,
    ) -> "torch.Tensor":
        """Logits, float32 [keep, vocabulary], after the last `keep` of these tokens."""
        device = self._model.device
        output = self._model(
            input_ids=sent([list(ids)], device),
            position_ids=sent([list(positions)], device),
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return cast("torch.Tensor", output.logits[0]).float()

    # -- columns -------------------------------------------------------------------------------------------------

    def _seen(self, path: Path) -> "torch.Tensor":
        """Which columns are on a path, bool [columns]."""
        import torch

        return torch.zeros(self.columns, dtype=torch.bool).index_fill_(0, path.columns, True)

    def _mask(self, seen: "torch.Tensor", among: "torch.Tensor") -> "torch.Tensor":
        """What is added to scores, [1, 1, new, columns + new]: `seen` of what is held, `among` of what is new."""
        import torch

        visible = torch.cat((seen.expand(len(among), -1), among), dim=1)
        dtype = self._model.dtype
        hidden = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, torch.finfo(dtype).min)
        return hidden[None, None].to(self._model.device, non_blocking=True)

    def _live(self, paths: Sequence[Path]) -> "torch.Tensor":
        """The columns of these paths, ascending."""
        import torch

        live = torch.zeros(self.columns, dtype=torch.bool)
        for path in paths:
            live[path.columns] = True
        return live.nonzero()[:, 0]

    def _compact(self, *others: Path) -> None:
        """Give up columns that are on no path."""
        import torch

        paths = [*self._open, *self._closed, *others]
        live = self._live(paths)
        if len(live) == self.columns:
            return
        try:
            with torch.inference_mode():
                for layer in _layers(self._cache):
                    layer.keep(live)
            for path in paths:
                path.columns = torch.searchsorted(live, path.columns)
        except BaseException:  # broken off, half of it would stand at wrong places
            self.clear()
            raise

    def _cut(self, columns: int) -> None:
        """Give up what was put behind so many columns; a pass that was broken off leaves some layers longer."""
        for layer in _layers(self._cache):
            layer.cut(columns)


def _layers(cache: Any) -> "list[GrowingLayer]":  # noqa: ANN401 - a transformers cache
    return cast("list[GrowingLayer]", cache.layers)
