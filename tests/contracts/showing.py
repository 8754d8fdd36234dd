"""An engine of words that shows what it was told to look at."""

import re

import numpy as np

from rlc.data.protocols import Seen, Watched
from rlc.data.records import Usage
from rlc.pipeline.llms.scripted import Call, ScriptedLLM


def alike(_, row, word):
    """Looks at words that share letters with its own."""
    return 1 + len(set(row) & set(word))


class ShowingLLM(ScriptedLLM):
    """A script whose attention is told, too: `shows(layer, row, word)` says how much one word looks at an earlier one.

    Words are its tokens, each with the space before it; there is no template. Rows sum up to 1; all `heads` look alike.
    `watched` holds the prompts.
    """

    def __init__(self, answers, shows=alike, *, depth=1, heads=1, **settings):
        super().__init__(answers, **settings)
        self.shows, self.depth, self.heads = shows, depth, heads
        self.watched = []

    def watch(self, prompt, see, *, since=None, layers=None):
        self._note(prompt)
        tokens = np.array([one.span() for one in re.finditer(r"\s*\S+", prompt.text)], np.int64)
        words = [prompt.text[start:end].strip() for start, end in tokens]
        first = len(words) - 1 if since is None else int(np.flatnonzero(tokens[:, 1] > since)[0])
        chosen = sorted({layer % self.depth for layer in (range(self.depth) if layers is None else layers)})
        values = []
        for layer in chosen:
            looks = [
                [self.shows(layer, words[row], word) if i <= row else 0 for i, word in enumerate(words)]
                for row in range(first, len(words))
            ]
            attention = np.array(looks, np.float32)
            attention /= attention.sum(-1, keepdims=True)
            values.append(see(Seen(layer, np.stack([attention] * self.heads), tokens, np.arange(len(words)))))
        tokens_read = self.count(prompt)
        return Watched(values, Usage(prompt_tokens=tokens_read, cached_tokens=self._cached(prompt)))

    def _note(self, prompt):
        """What is looked at in a row is one call, since only so many calls are kept."""
        looking = self.calls and self.calls[-1].stop == ("looking",)
        self.watched.append(prompt)
        before = self.calls.pop().prompts if looking else ()
        self.calls.append(Call(max_tokens=1, stop=("looking",), prompts=(*before, prompt)))
