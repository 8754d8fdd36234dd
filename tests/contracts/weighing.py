"""An engine of words that weighs answers as it was told to."""

import numpy as np

from rlc.data.protocols import Weighed
from rlc.data.records import Usage
from rlc.pipeline.llms.scripted import Call, ScriptedLLM


def longest_first(_, option):
    """Finds long answers likely."""
    return 1 - 1 / (1 + len(option))


class WeighingLLM(ScriptedLLM):
    """A script that weighs, too: `likes(prompt, option)` is the option's probability. There is no template."""

    def __init__(self, answers, likes=longest_first, **settings):
        super().__init__(answers, **settings)
        self.likes = likes

    def weigh(self, prompts, options):
        self.calls.append(Call(max_tokens=1, prompts=tuple(prompts)))
        return [
            Weighed(
                np.log(np.array([self.likes(prompt, option) for option in some], np.float32)),
                Usage(prompt_tokens=self.count(prompt), cached_tokens=self._cached(prompt)),
            )
            for prompt, some in zip(prompts, options, strict=True)
        ]
