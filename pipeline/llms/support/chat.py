"""From prompts to token ids: a model's own chat template and tokenizer, the same for every engine that holds them."""

import re
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from rlc.data.errors import UnsupportedError, WeightsError
from rlc.data.protocols import Prompt

TEMPLATES = ("chat", "plain")
DOCUMENTS_KEPT = 8
SETTLED = 64  # characters before a border that may still be cut into other tokens by what follows it


class _Head(NamedTuple):
    """A text's beginning, and its tokens, which do not depend on how it goes on."""

    text: str
    ids: list[int]


class Chat:
    """How a model is spoken to.

    Args:
        name: the model, as messages name it.
        place: its folder or Hugging Face id.
        revision: a hub revision.
        template: `chat` uses the model's own chat template; `plain` joins the parts with blank lines.

    Raises:
        ValueError: on an unknown template.
    """

    def __init__(
        self, name: str, place: Path | str, revision: str | None = None, template: str = "chat"
    ) -> None:
        if template not in TEMPLATES:
            raise ValueError(f"template must be 'chat' or 'plain', got {template!r}")
        self._name = name
        self._place = place
        self._revision = revision
        self._template = template
        self._heads: OrderedDict[str, _Head | None] = OrderedDict()

    @cached_property
    def codec(self) -> Any:  # noqa: ANN401 - a transformers tokenizer
        """The model's tokenizer.

        Raises:
            WeightsError: if the model has no tokenizer that can be loaded.
            UnsupportedError: if a chat template is wanted and the model has none.
        """
        from transformers import AutoTokenizer

        try:
            codec = AutoTokenizer.from_pretrained(self._place, revision=self._revision)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"cannot load the tokenizer of {self._name!r}: {error}; name an alias, a folder, or a Hugging Face id"
            ) from error
        if self._template == "chat" and not codec.chat_template:
            raise UnsupportedError(
                f"{self._name} has no chat template: set template = 'plain' for a base model"
            )
        return codec

    def render(self, prompt: Prompt) -> str:
        """The text that the model sees."""
        user = prompt.prefix + prompt.question
        if self._template == "plain":
            return "\n\n".join(part for part in (prompt.system, user) if part)
        from jinja2.exceptions import TemplateError

        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        try:
            return self._apply([*messages, {"role": "user", "content": user}])
        except TemplateError:  # some templates know no system role
            return self._apply([{"role": "user", "content": f"{prompt.system}\n\n{user}"}])

    def encode(self, prompt: Prompt) -> list[int]:
        """The prompt's token ids, those of the whole text at once.

        A document is cut into tokens for its first question only: what stands well before the border is kept, and
        only the end is cut anew for the next question. Whether that gives the same tokens is checked on the first
        question; where it does not (a tokenizer that looks far back), every prompt is cut whole.
        """
        text = self.render(prompt)
        if not prompt.prefix:
            return self._ids(text)
        key = f"{prompt.system}\0{prompt.prefix}"
        if key not in self._heads:
            ids, head = self._first(text, text.find(prompt.prefix) + len(prompt.prefix))
            self._heads[key] = head
            while len(self._heads) > DOCUMENTS_KEPT:
                self._heads.popitem(last=False)
            return ids
        head = self._heads[key]
        if head is None or not text.startswith(head.text):
            return self._ids(text)
        return head.ids + self._ids(text[len(head.text) :], special=False)

    def _first(self, text: str, border: int) -> tuple[list[int], _Head | None]:
        """All token ids of a text, and its head, if the part before `border` can be kept."""
        if not self.codec.is_fast:
            return self._ids(text), None
        encoded = self.codec(text, add_special_tokens=self._special, return_offsets_mapping=True)
        ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
        kept = sum(1 for start, _ in offsets if start < border - SETTLED)
        # Cut before the space of a word, where no tokenizer joins what stands on both sides.
        while kept > 0 and not re.match(r" \w", text[offsets[kept - 1][1] : offsets[kept - 1][1] + 2]):
            kept -= 1
        if kept == 0:
            return ids, None
        head = _Head(text[: offsets[kept - 1][1]], ids[:kept])
        same = head.ids + self._ids(text[len(head.text) :], special=False) == ids
        return ids, head if same else None

    @property
    def _special(self) -> bool:
        """Whether the tokenizer adds its marks; a chat template writes them out itself."""
        return self._template == "plain"

    def _ids(self, text: str, special: bool = True) -> list[int]:
        return list(self.codec(text, add_special_tokens=special and self._special)["input_ids"])

    def _apply(self, messages: list[dict[str, str]]) -> str:
        return str(self.codec.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
