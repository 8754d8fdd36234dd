"""From prompts to token ids: a model's own chat template and tokenizer, the same for every engine that holds them."""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from rlc.data.errors import UnsupportedError, WeightsError
from rlc.data.protocols import Prompt
from rlc.pipeline.llms.support.thought import HARMONY, has_marks, opens_thought

TEMPLATES = ("chat", "plain")
STAND_INS = {"<": "‹", "[": "⁅"}  # for the first character of a control mark that stands in a text
DOCUMENTS_KEPT = 8
SHORT = 2000  # characters of a prompt whose number of tokens is remembered
SHORT_KEPT = 16_384  # such prompts
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
        thinking: asks the chat template for a thought before the answer, or for none; None leaves it to the template.

    A control mark of the model's that stands in a prompt's text (`<|im_end|>` in a paper on language models) stays
    text: its first character is written as one that looks like it, so that no document can end the user's turn.

    Raises:
        ValueError: on an unknown template.
    """

    def __init__(
        self,
        name: str,
        place: Path | str,
        revision: str | None = None,
        template: str = "chat",
        thinking: bool | None = None,
    ) -> None:
        if template not in TEMPLATES:
            raise ValueError(f"template must be 'chat' or 'plain', got {template!r}")
        self._name = name
        self._place = place
        self._revision = revision
        self._template = template
        self._thinking = thinking
        self._heads: OrderedDict[str, _Head | None] = OrderedDict()

    @cached_property
    def codec(self) -> Any:  # noqa: ANN401 - a transformers tokenizer
        """Load the model's tokenizer, once.

        Raises:
            WeightsError: if the model has no tokenizer that can be loaded.
            UnsupportedError: if a chat template is wanted and the model has none.
        """
        from transformers import AutoTokenizer

        try:
            codec = AutoTokenizer.from_pretrained(
                self._place, revision=self._revision, trust_remote_code=False
            )
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
        """The text that the model sees, to its last character before the answer.

        Raises:
            UnsupportedError: if a reply is to be put into the mouth of a model whose answers begin within a thought.
        """
        if prompt.reply and self.opens_thought:
            raise UnsupportedError(
                f"{self._name} begins every answer with a thought, so none can begin with a given reply"
            )
        return self._rendered(prompt) + self._as_text(prompt.reply)

    def _rendered(self, prompt: Prompt) -> str:
        system, user = self._as_text(prompt.system), self._as_text(prompt.prefix + prompt.question)
        if self._template == "plain":
            return "\n\n".join(part for part in (system, user) if part) + ("\n\n" if prompt.reply else "")
        from jinja2.exceptions import TemplateError

        messages = [{"role": "system", "content": system}] if system else []
        try:
            return self._apply([*messages, {"role": "user", "content": user}])
        except TemplateError:  # some templates know no system role
            return self._apply([{"role": "user", "content": f"{system}\n\n{user}"}])

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
            prefix = self._as_text(prompt.prefix)
            ids, head = self._first(text, text.find(prefix) + len(prefix))
            self._heads[key] = head
            while len(self._heads) > DOCUMENTS_KEPT:
                self._heads.popitem(last=False)
            return ids
        head = self._heads[key]
        if head is None or not text.startswith(head.text):
            return self._ids(text)
        return head.ids + self._ids(text[len(head.text) :], special=False)

    def count(self, prompt: Prompt) -> int:
        """The number of those tokens.

        That of a short prompt is remembered: dozens of arms over one model ask for the same frames, their text left out.
        """
        return self._counted(prompt) if len(prompt.text) <= SHORT else len(self.encode(prompt))

    @cached_property
    def _counted(self) -> Callable[[Prompt], int]:
        return lru_cache(maxsize=SHORT_KEPT)(lambda prompt: len(self.encode(prompt)))

    def encode_with_spans(self, prompt: Prompt) -> tuple[list[int], list[tuple[int, int]]]:
        """The prompt's token ids, and each one's span in `prompt.text`: empty where it is of the template or the system text.

        Raises:
            UnsupportedError: if the tokenizer or the template cannot tell where the text's tokens are.
        """
        if not self.codec.is_fast:
            raise UnsupportedError(
                f"the tokenizer of {self._name} does not tell where its tokens stand in a text"
            )
        rendered = self.render(prompt)
        replied = len(rendered) - len(prompt.reply)
        turn = self._as_text(prompt.prefix + prompt.question)
        start = rendered.rfind(turn.strip(), 0, replied)  # some templates strip what they put in
        if start < 0:
            raise UnsupportedError(
                f"the chat template of {self._name} changes the text, so its tokens cannot be found"
            )
        start -= len(turn) - len(turn.lstrip())
        encoded = self.codec(rendered, add_special_tokens=self._special, return_offsets_mapping=True)

        def place(at: int) -> int:
            """A character's place in the prompt's text."""
            return len(turn) + at - replied if at >= replied else min(max(0, at - start), len(turn))

        spans = [(place(a), place(b)) if a < b else (0, 0) for a, b in encoded["offset_mapping"]]
        return list(encoded["input_ids"]), spans

    def encode_apart(self, prompt: Prompt, passages: Sequence[str]) -> list[list[int]]:
        """Token ids of a prompt in pieces: what stands before its passages, each passage, what stands behind them.

        Each piece is cut into tokens on its own, so that a passage has the same ones wherever it stands.

        Raises:
            UnsupportedError: if the passages do not stand in the prompt one behind the other, as a chat template that
                changes texts may have it.
        """
        text, joined = self.render(prompt), self._as_text("".join(passages))
        start = text.find(joined)
        if start < 0:
            raise UnsupportedError(
                f"the passages do not stand as they are in the prompt of {self._name}: its chat template changes texts"
            )
        borders = [0, start]
        for passage in passages:
            borders.append(borders[-1] + len(passage))
        pieces = [text[a:b] for a, b in zip(borders, [*borders[1:], len(text)], strict=True)]
        return [self._ids(piece, special=number == 0) for number, piece in enumerate(pieces)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of new tokens, without control marks but for those that part thought from answer."""
        return str(self.codec.decode([token for token in tokens if token not in self._silent]))

    @cached_property
    def opens_thought(self) -> bool:
        """Whether every prompt ends within a thought, whatever `thinking` asks for."""
        return self._template == "chat" and opens_thought(self.render(Prompt("", "?")))

    @cached_property
    def thinks(self) -> bool:
        """Whether a thought may come before the answer."""
        if self._template == "plain" or self._thinking is not None:
            return self.opens_thought or bool(self._thinking)
        return has_marks(str(self.codec.chat_template))

    @cached_property
    def _silent(self) -> frozenset[int]:
        """Control tokens that are no part of what was said."""
        added = self.codec.added_tokens_decoder
        return frozenset(i for i, token in added.items() if token.special and not self._parts(token.content))

    @cached_property
    def marks_are_special(self) -> bool:
        """Whether a text without special tokens lacks the marks that part thought from answer."""
        added = self.codec.added_tokens_decoder.values()
        return any(token.special and self._parts(token.content) for token in added)

    def _parts(self, mark: str) -> bool:
        """Whether a mark is needed to part thought from answer; Harmony's channels need the marks around them too."""
        return has_marks(mark) or (mark in HARMONY and "<|channel|>" in self.codec.get_added_vocab())

    @cached_property
    def _control(self) -> re.Pattern[str] | None:
        """What the tokenizer would take for a mark: special tokens, and added ones that the template writes."""
        added = self.codec.added_tokens_decoder.values()
        template = str(self.codec.chat_template or "")
        marks = {token.content for token in added if token.special or token.content in template}
        marks |= {mark for mark in ("[INST]", "[/INST]") if mark in template}  # plain text to some tokenizers
        longest_first = sorted((mark for mark in marks if mark[:1] in STAND_INS), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def _as_text(self, text: str) -> str:
        """The text with its control marks disarmed; as many characters."""
        if self._control is None:
            return text
        return self._control.sub(lambda mark: STAND_INS[mark[0][0]] + mark[0][1:], text)

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
        # Templates know the wish by either name, and what one does not know it ignores.
        wish = (
            {} if self._thinking is None else dict.fromkeys(("enable_thinking", "thinking"), self._thinking)
        )
        return str(
            self.codec.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **wish)
        )


@cache
def shared_chat(
    name: str, place: Path | str, revision: str | None, template: str, thinking: bool | None
) -> Chat:
    """One `Chat` for all engines that speak to a model alike: a document is cut into tokens once, however many read it."""
    return Chat(name, place, revision, template, thinking)
