"""vLLM in a process of its own: long documents are read once, and the memory is free when the process ends."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

from rlc.data.child import Child, ChildDiedError
from rlc.data.errors import ContextOverflowError, EngineError, EngineUnavailableError, MissingExtraError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Generation, Prompt, Sampling, Tokenizer, Weighed, Weights
from rlc.data.records import Usage
from rlc.data.tokens import load_tokenizer
from rlc.pipeline.gpu_cost import Decoder, GpuPlan, Settings, plan
from rlc.pipeline.gpu_machine import Machine
from rlc.pipeline.llms.support.batching import Link, apart, chained, charged, covered, documents, in_documents
from rlc.pipeline.llms.support.chat import shared_chat
from rlc.pipeline.llms.support.config import read_config
from rlc.pipeline.llms.support.engine import Engine
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.llms.support.remote import ending, is_json
from rlc.pipeline.llms.support.rope import check_window, stretched
from rlc.pipeline.llms.support.spelling import scored_tokens
from rlc.pipeline.llms.support.stopping import cut_at_stop
from rlc.pipeline.llms.support.thought import ROOM, separate_thought
from rlc.pipeline.llms.support.vllm_arguments import arguments, as_run, cascade_least, check, environment
from rlc.pipeline.llms.support.vllm_worker import has_cascade, installed_folder
from rlc.pipeline.llms.support.weighing import branches, option_tokens, weighed

WORKER = "rlc.pipeline.llms.support.vllm_worker:work"
LOG = "RLC_ENGINE_LOG"
Message = dict[str, Any]
USAGE = ("prompt_tokens", "cached_tokens", "output_tokens", "queue_seconds", "first_token_seconds", "seconds")


class VllmLLM(Engine):
    """A causal language model by alias, folder or Hugging Face id, run by vLLM on one or several GPUs.

    All prompts of a call are handed over together, those that share a prefix next to each other, so that each
    document is read once and its questions are served from the cache. The engine starts at the first question. If
    its process dies, the prompts in flight fail and it is started once more, with `after_crash` laid over the
    settings; if it dies again, the run stops.

    Args:
        model: alias, folder or Hugging Face id.
        window: usable context in tokens; by default what the model's positions and `rope_factor` give.
        dtype: of weights and arithmetic; `auto` is the model's own.
        tensor_parallel: GPUs over which each layer is split.
        gpu_memory: share of the GPU's memory that weights, working space and cache may take.
        kv_cache_dtype: by vLLM's name for it; `auto` is the model's own, `fp8` holds twice as many documents.
        kv_offload_gib: host memory for cached documents that fell out of the GPU's, in GiB; 0 is none.
        kv_folder: a folder for those that fall out of the host's memory, too, of which later engines of the same settings
            take what they find in time: one document of six that were asked about together. Needs `kv_offload_gib`, which it
            passes through.
        keep_prefix: whether documents are kept in the cache at all.
        cascade: compute attention to a document once for all questions that are decoded beside each other. None does so
            where it pays, which takes a vLLM that can (0.25.1; 0.32 cannot) and as many questions a document as
            `cascade_least` says; each such document is then a call of its own. True wants it, False never has it.
        prefill_budget: prompt tokens computed in one step; None leaves it to vLLM.
        max_sequences: prompts in flight at once; None leaves it to vLLM.
        quantization: of the weights, by vLLM's name for it (`fp8`, `awq`, ...); None is the model's own.
        rope: how positions are stretched beyond the model's own: `yarn`, `ntk` or `linear`, as in the engine `hf`.
        rope_factor: by how much. A stretched model answers short prompts differently too: give both arms the same.
        speculative: vLLM's `speculative_config`, such as `{method = "ngram", num_speculative_tokens = 4}`.
        batch_invariant: kernels whose results shall not depend on what else is in the batch; slower, and with 0.25.1
            some answers did depend on it.
        cuda_graphs: record the decoding steps; off, loading is faster and decoding slower.
        temperature: 0 decodes greedily. A call's own goes before it.
        template: `chat` uses the model's own chat template; `plain` joins the parts with blank lines.
        thinking: False asks the chat template for an answer without a thought before it, True for a thought; None
            leaves it to the template. The thought is no part of the answer.
        thinking_tokens: room for a thought beside the answer's `max_tokens`, where the model may think.
        revision: a hub revision.
        after_crash: settings of this class that replace the others when a dead engine is started again.
        extra: further arguments of `vllm.LLM`; they override ours. They may name code, so a recipe that has them needs
            `--allow-code`.

    An answer is charged its share of the time of its call (`rlc.pipeline.llms.support.batching.charged`); how long it
    was waited for is its latency.

    Raises:
        ValueError: on a setting out of range, such as a window beyond the model's positions, or positions that `rope`
            cannot stretch.
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("transformers",)
    VERSION: ClassVar[int] = 2  # of 1, the seconds were latencies

    # Questions on several documents are decoded side by side, where the weights are read once for all of them.
    documents_together = 8
    seeded = True
    CODE: ClassVar[Sequence[str]] = ("extra",)  # vLLM's own arguments name classes and remote code

    def __init__(
        self,
        model: Weights,
        *,
        window: int | None = None,
        dtype: str = "auto",
        tensor_parallel: int = 1,
        gpu_memory: float = 0.9,
        kv_cache_dtype: str = "auto",
        kv_offload_gib: float = 0.0,
        kv_folder: str | None = None,
        keep_prefix: bool = True,
        cascade: bool | None = None,
        prefill_budget: int | None = None,
        max_sequences: int | None = None,
        quantization: str | None = None,
        rope: str | None = None,
        rope_factor: float = 1.0,
        speculative: Mapping[str, Any] | None = None,
        batch_invariant: bool = False,
        cuda_graphs: bool = True,
        temperature: float = 0.0,
        template: str = "chat",
        thinking: bool | None = False,
        thinking_tokens: int = ROOM,
        revision: str | None = None,
        after_crash: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        settings = {
            key: value for key, value in locals().items() if key not in ("self", "model", "after_crash")
        }
        self._smaller = dict(after_crash or {})
        for key in self._smaller:
            if key not in settings:
                raise ValueError(f"after_crash.{key}: no such setting; known: {', '.join(sorted(settings))}")
        check(settings | self._smaller)
        check(settings)
        self.name = model
        self.temperature = temperature
        self._settings = settings
        self._place = local_or_hub(model)
        self._chat = shared_chat(model, self._place, revision, template, thinking)
        self._child: Child | None = None
        self._deaths = 0
        self._foreseen = 0  # the most questions on one document that a plan was asked for
        self.loaded: Message = {}  # what the running engine said of itself: version, device, cache_tokens, load_seconds
        if rope is not None:
            stretched(self._config, rope, rope_factor)  # says now if it cannot
        if window is not None:
            check_window(model, window, self._positions, self._own_positions)

    @cached_property
    def window(self) -> int:
        """Usable context in tokens, prompt and answer together; the room for a thought is set aside."""
        return (self._settings["window"] or self._positions) - self._thinking_room

    @cached_property
    def _thinking_room(self) -> int:
        """Tokens set aside for a thought; none for a model that does not think."""
        return self._settings["thinking_tokens"] if self._chat.thinks else 0

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer."""
        return load_tokenizer(self.name)

    def count(self, prompt: Prompt) -> int:
        """The tokens of the prompt as the model sees it, chat template included."""
        return self._chat.count(prompt)

    def _generate_all(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """Answer every prompt, in order; a prompt that does not fit carries its error and the others go on.

        Raises:
            EngineUnavailableError: if there is no GPU, the model does not fit, or the engine died twice.
            MissingExtraError: if vLLM is not installed.
        """
        order = in_documents(prompts)
        told = {
            "max_tokens": sampling.max_tokens,
            "temperature": self.temperature if sampling.temperature is None else sampling.temperature,
            "stop": list(sampling.stop),
            "seed": sampling.seed,
            "logprobs": 0 if sampling.logprobs else None,
            "schema": None if sampling.schema is None else dict(sampling.schema),
            "skip_special_tokens": not self._chat.marks_are_special,
            # Before its first new token vLLM turns the whole prompt back into text, a document of 25k tokens in 10 ms.
            # Only stop strings need that.
            "detokenize": bool(sampling.stop),
        }
        ids = [self._chat.encode(prompts[i]) for i in order]
        seeds = [{"seed": sampling.seed_of(prompts[i])} for i in order]
        each = seeds if any(prompt.seed is not None for prompt in prompts) else ()
        answers = dict(zip(order, self.generate_ids(ids, told, each), strict=True))
        return [answers[i] for i in range(len(prompts))]

    def generate_ids(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Mapping[str, Any],
        each: Sequence[Message] = (),
    ) -> list[Generation]:
        """Answer prompts given as token ids, handed over in this order.

        `sampling` is vLLM's, and a `schema`; `each` is what goes before it, a prompt.
        """
        room = self.window - int(sampling["max_tokens"])
        places = [i for i, ids in enumerate(prompts) if 0 < len(ids) <= room]
        fitting = [list(prompts[i]) for i in places]
        own = [each[i] for i in places] if each else []
        answered = iter(self._ask(fitting, dict(sampling), own) if fitting else [])
        return [next(answered) if 0 < len(ids) <= room else self._unfit(len(ids), room) for ids in prompts]

    def weigh(self, prompts: Sequence[Prompt], options: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh given answers: see `rlc.data.protocols.Weighing`.

        A prompt is one request for the first tokens of its options, and another for each longer beginning that they share.
        """
        wanted = [
            (self._chat.encode(prompt), option_tokens(self._chat, some))
            for prompt, some in zip(prompts, options, strict=True)
        ]
        order = in_documents(prompts)
        asked = [
            ([*wanted[place][0], *before], following)
            for place in order
            for before, following in branches(wanted[place][1]).items()
        ]
        if (longest := max((len(ids) for ids, _ in asked), default=0)) >= self.window:
            raise ContextOverflowError(
                f"a prompt and an option of {longest} tokens do not fit the window of {self.window}: take fewer or smaller "
                "passages, or shorter options"
            )
        told = iter(self._likely(asked) if asked else [])
        found = {}
        for place in order:
            ids, cut = wanted[place]
            found[place] = weighed({before: next(told) for before in branches(cut)}, cut, len(ids))
        return [found[place] for place in range(len(wanted))]

    def plan(self, loads: Sequence[PromptLoad], machine: Machine, per_batch: int | None = None) -> GpuPlan:
        """Work out what a GPU will make of such prompts, from the configuration alone: nothing is loaded.

        The engine remembers the most questions that a document has here, for `cascade`.

        Raises:
            UnsupportedError: for a model whose arithmetic the planner does not know.
        """
        self._foreseen = max([self._foreseen, *(load.questions for load in loads)])
        run = as_run(self._settings)
        told = {f.name: run[f.name] for f in fields(Settings) if run.get(f.name) is not None}
        folder = installed_folder("vllm")
        cascades = folder is not None and has_cascade(folder) and self._wants_cascade(self._foreseen)
        least = self._cascade_least if cascades else None
        settings = Settings(**{**told, "window": self.window, "cascade_least": least})
        model = Decoder.from_config(self._config)
        return plan(model, machine, loads, settings, per_batch=per_batch or self.documents_together)

    def close(self) -> None:
        """End the engine; the GPU's memory is free when this returns. The next question starts it again."""
        if self._child is not None:
            self._child.end()
            self._child = None

    # -- the engine's process ------------------------------------------------------------------------------------

    def _ask(self, prompts: list[list[int]], sampling: Message, each: Sequence[Message]) -> list[Generation]:
        links = chained(prompts)
        runs = documents(links)
        child = self._running(max(run.stop - run.start for run in runs))
        if not self.loaded["cascade"]:
            return self._call(child, prompts, links, sampling, each)
        answers: list[Generation] = []
        for part in apart(runs, self._cascade_least):
            child = self._running()
            # What shares its start with a prompt of another call has to bring it along.
            answers += self._call(child, prompts[part], chained(prompts[part]), sampling, each[part])
        return answers

    def _call(
        self,
        child: Child,
        prompts: list[list[int]],
        links: Sequence[Link],
        sampling: Message,
        each: Sequence[Message],
    ) -> list[Generation]:
        limit = sampling["max_tokens"] + self._thinking_room
        try:
            answered = self._exchange(child, links, sampling | {"max_tokens": limit}, each)
        except EngineError as error:
            return [Generation("", "error", error=str(error))] * len(prompts)
        return [self._generation(answer, usage, sampling) for answer, usage in answered]

    def _likely(self, asked: Sequence[tuple[list[int], list[int]]]) -> list[tuple[dict[int, float], Usage]]:
        """The log-probabilities of tokens that may follow, for each of these texts, and what they cost."""
        texts = [ids for ids, _ in asked]
        sampling = {"max_tokens": 1, "temperature": 0.0, "detokenize": False}
        each = [{"logprob_token_ids": following} for _, following in asked]
        answered = self._exchange(self._running(), chained(texts), sampling, each)
        return [(answer["likely"], usage) for answer, usage in answered]

    def _exchange(
        self, child: Child, links: Sequence[Link], sampling: Message, each: Sequence[Message] = ()
    ) -> list[tuple[Message, Usage]]:
        """What the engine's process says to prompts, and what each costs; `each` is what only one of them wants.

        Raises:
            EngineError: if the process dies, or vLLM refuses the prompts.
        """
        started = time.perf_counter()
        try:
            reply = child.ask({"prompts": links, "sampling": sampling, "each": list(each)})
        except ChildDiedError as error:
            self._child = None
            self._deaths += 1
            raise EngineError(f"{type(error).__name__}: {error}") from error
        wall = time.perf_counter() - started
        if "refused" in reply:
            raise EngineError(f"vLLM refused the prompts: {reply['refused']}")
        answers: list[Message] = reply["answers"]
        latencies = [Usage(**{key: answer[key] for key in USAGE}) for answer in answers]
        usages = charged(latencies, wall, covered([answer["reading"] for answer in answers]))
        return list(zip(answers, usages, strict=True))

    def _running(self, questions: int = 1) -> Child:
        """The engine's process, started for so many questions on one document, if it does not run."""
        if self._child is None:
            if self._deaths > 1:
                raise EngineUnavailableError(
                    "the engine died twice; what is answered is stored. Try smaller settings (window, gpu_memory, "
                    "max_sequences, prefill_budget), which `rlc plan` can check before anything is loaded"
                )
            try:
                settings = self._settings | (self._smaller if self._deaths else {})
                self._child = self._start(settings, max(questions, self._foreseen))
            except ChildDiedError as error:
                self._deaths += 1
                if self._deaths == 1 and self._smaller:
                    return self._running(questions)
                raise EngineUnavailableError(
                    f"vLLM could not load {self.name!r}: {error}. If memory is what is missing, `rlc plan` says which "
                    "settings fit"
                ) from error
        return self._child

    def _start(self, settings: Mapping[str, Any], questions: int) -> Child:
        child = Child(WORKER, "the engine's process", environment=environment(settings), log=_log())
        given = arguments(settings, str(self._place), self._config)
        wanted = self._wants_cascade(questions)
        said = child.ask({"load": given, "cascade": wanted, "needed": settings["cascade"] is True})
        if "missing" in said:
            child.end()
            raise MissingExtraError(
                f"{said['missing']} is not installed: pip install 'rlc[gpu]' -c constraints-gpu.txt (Linux, CUDA)"
            )
        if "refused" in said:
            child.end()
            raise EngineUnavailableError(f"vLLM cannot run: {said['refused']}")
        self.loaded = said
        return child

    def _wants_cascade(self, questions: int) -> bool:
        """Whether it is asked for, or pays for so many questions on one document."""
        wish: bool | None = self._settings["cascade"]
        return questions >= self._cascade_least if wish is None else wish

    @property
    def _cascade_least(self) -> int:
        return cascade_least(self._config, self._settings["tensor_parallel"])

    def _generation(self, answer: Message, usage: Usage, sampling: Message) -> Generation:
        tokens, scored = answer["tokens"], None
        if sampling["logprobs"] is not None:  # of the very text that these tokens spell
            text = cut_at_stop(self._chat.decode(tokens), sampling["stop"])[0].strip()
            scored = scored_tokens(self._chat.decode, tokens, answer["logprobs"], text)
        elif sampling.get("detokenize", True):
            text = str(answer["text"]).strip()
        else:
            text = self._chat.decode(tokens).strip()
        raw = Generation(text, ending(answer["finish_reason"], "").finish_reason, usage, scored)
        if raw.finish_reason == "error":
            return replace(raw, error=f"vLLM ended the answer with {answer['finish_reason']!r}")
        most = int(sampling["max_tokens"])
        spoken = separate_thought(raw, self.tokenizer, most, opened=self._chat.opens_thought)
        if spoken.error is None and sampling["schema"] is not None and not is_json(spoken.text):
            said = f"a schema was given and no JSON came: {spoken.text[:80]!r}"
            return replace(spoken, finish_reason="error", error=said)
        return spoken

    def _unfit(self, length: int, room: int) -> Generation:
        reason = f"a prompt of {length} tokens does not fit: the window of {self.window} leaves {room} beside the answer"
        return Generation("", "error", error=f"ContextOverflowError: {reason}")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_config(self.name, self._place, self._settings["revision"])

    @property
    def _own_positions(self) -> int:
        return int(self._config["max_position_embeddings"])

    @property
    def _positions(self) -> int:
        return int(self._own_positions * (self._settings["rope_factor"] if self._settings["rope"] else 1))


def _log() -> IO[bytes]:
    """What vLLM prints to: the file that the environment names in RLC_ENGINE_LOG, else a temporary one."""
    named = os.environ.get(LOG)
    return Path(named).open("ab+") if named else tempfile.TemporaryFile()
