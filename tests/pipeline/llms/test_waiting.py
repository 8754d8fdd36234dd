"""A GPU computes behind the processor's back: what reading has cost is known when its logits arrive."""

import time

import pytest
import torch

from rlc.data.protocols import Prompt
from rlc.pipeline.fusion import prompt_cache
from rlc.pipeline.fusion.base import PassagesPrompt
from rlc.pipeline.fusion.support.engine import FusingLLM
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.kv.lacache import LaCache
from rlc.pipeline.llms.hf import HfLLM

TEXT = "The cat saw the other theme. Nobody knows the weather there. "
LAG = 0.05  # seconds that the device takes for a pass over the model


@pytest.mark.parametrize("side_by_side", [1, 4])
@pytest.mark.parametrize("kind", ["hf", "hf-kv", "fused"])
def test_a_device_that_lags_behind_is_waited_for_before_reading_ends(
    kind, side_by_side, tiny_llm_folder, monkeypatch
):
    settings = {"dtype": "float32", "device": "cpu", "side_by_side": side_by_side}
    if kind == "hf-kv":
        llm = KvLLM(str(tiny_llm_folder), LaCache(ratio=0.5), **settings)
    else:
        llm = HfLLM(str(tiny_llm_folder), **settings)
    asked, prompt = llm, Prompt(TEXT, "Who saw the theme?")
    if kind == "fused":
        asked, prompt = (
            FusingLLM(llm, prompt_cache(), 2**30),
            PassagesPrompt(TEXT, "Who saw the theme?", passages=(TEXT,)),
        )
    behind, arrive = [0], torch.Tensor.cpu

    def lagging(*_):
        behind[0] += 1

    def waited(tensor):
        time.sleep(LAG * behind[0])
        behind[0] = 0
        return arrive(tensor)

    llm._model.register_forward_hook(lagging)
    monkeypatch.setattr(torch.Tensor, "cpu", waited)
    [said] = asked.generate([prompt], max_tokens=1)
    assert said.error is None
    assert said.usage.prefill_seconds >= LAG
    assert said.usage.first_token_seconds >= LAG
