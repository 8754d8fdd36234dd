"""Our settings of vLLM as its own arguments and variables, the same for every version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlc.data.spec import fingerprint
from rlc.pipeline.gpu_machine import GIB
from rlc.pipeline.llms.support.rope import check_rope, stretched

PROCESSORS = 132  # of an H100 and an H200, between which vLLM divides attention
CASCADE_QUESTIONS = 8  # below which vLLM never shares attention to a prefix
TAKEN = {  # our settings that vLLM takes as they are, by its own names
    "revision": "revision",
    "dtype": "dtype",
    "tensor_parallel_size": "tensor_parallel",
    "gpu_memory_utilization": "gpu_memory",
    "kv_cache_dtype": "kv_cache_dtype",
    "enable_prefix_caching": "keep_prefix",
    "max_num_batched_tokens": "prefill_budget",
    "max_num_seqs": "max_sequences",
    "quantization": "quantization",
}


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings out of range with a ValueError."""
    if not 0 < settings["gpu_memory"] <= 1:
        raise ValueError(f"gpu_memory is a share in (0, 1], got {settings['gpu_memory']}")
    if settings["tensor_parallel"] < 1:
        raise ValueError(f"tensor_parallel must be at least 1, got {settings['tensor_parallel']}")
    check_rope(settings["rope"], settings["rope_factor"])
    if settings["temperature"] < 0 or settings["kv_offload_gib"] < 0:
        raise ValueError("temperature and kv_offload_gib must not be negative")
    if settings["kv_folder"] and not settings["kv_offload_gib"]:
        raise ValueError(
            "kv_folder is filled through the host's memory: give kv_offload_gib, such as 16, with it"
        )
    if settings["thinking_tokens"] < 0:
        raise ValueError(f"thinking_tokens must not be negative, got {settings['thinking_tokens']}")


def arguments(settings: Mapping[str, Any], model: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings as arguments of `vllm.LLM`, which 0.25.1 and 0.33.0 both know; what is not set is left to vLLM.

    0.25.1 multiplies the model's positions with the factor of `rope`, later ones take them as they stand: with the
    window named, both mean the same.
    """
    stretching = settings["rope"] and stretched(config, settings["rope"], settings["rope_factor"])
    window = settings["window"] or (stretching and stretching["max_position_embeddings"])
    folder = settings["kv_folder"]
    wanted = {
        **{theirs: settings[ours] for theirs, ours in TAKEN.items()},
        "max_model_len": window,
        "speculative_config": settings["speculative"] and dict(settings["speculative"]),
        "kv_offloading_size": (settings["kv_offload_gib"] or None) if folder is None else None,
        "kv_transfer_config": folder and tiers(settings, model),
        "hf_overrides": stretching or None,
    }
    return {
        "model": model,
        "enforce_eager": not settings["cuda_graphs"],
        "disable_log_stats": False,  # without them no request says how long it took
        **{key: value for key, value in wanted.items() if value is not None},
        **(settings["extra"] or {}),
    }


def as_run(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Our settings where `extra` has left them as they are, else what it says; with the bytes of cache that it fixes."""
    said = settings["extra"] or {}
    ours = {TAKEN[name]: value for name, value in said.items() if name in TAKEN}
    return {**settings, **ours, "kv_cache_memory_bytes": said.get("kv_cache_memory_bytes")}


def tiers(settings: Mapping[str, Any], model: str) -> dict[str, Any]:
    """VLLM's store of keys and values behind the GPU's: the host's memory, and behind it a folder.

    vLLM names its files by the model and the tokens. What else makes keys and values what they are is named here, so
    that no engine reads those of other settings.
    """
    kind = {
        key: settings[key] for key in ("revision", "dtype", "quantization", "rope", "rope_factor", "extra")
    }
    folder = Path(settings["kv_folder"]).expanduser().absolute() / fingerprint({"model": model, **kind})
    return {
        "kv_connector": "OffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "spec_name": "TieringOffloadingSpec",
            "cpu_bytes_to_use": int(settings["kv_offload_gib"] * GIB),
            "secondary_tiers": [{"type": "fs", "root_dir": str(folder)}],
        },
    }


def cascade_least(config: Mapping[str, Any], tensor_parallel: int = 1) -> int:
    """From how many questions on one document on vLLM computes attention to it once for all of them.

    Its rule (0.25.1, `use_cascade_attention`) compares rounds of work on the GPU's processors: q questions for each of
    the key heads by themselves, or all query heads once. 17 with 8 key heads, 67 with 2, on an H100 or H200.
    """
    heads = int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    if heads == kv_heads:
        return CASCADE_QUESTIONS
    rounds = -(-heads // tensor_parallel // PROCESSORS)
    return max(CASCADE_QUESTIONS, PROCESSORS * rounds * tensor_parallel // kv_heads + 1)


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Variables of the engine's process; nothing is reported to anyone."""
    invariant = {"VLLM_BATCH_INVARIANT": "1"} if settings["batch_invariant"] else {}
    # Blocks of keys and values are named by hashes, which without a seed are other ones in every process.
    seeded = {"PYTHONHASHSEED": "0"} if settings["kv_folder"] else {}
    # Whether there is a GPU is asked without touching it, since vLLM's own processes must be the first to.
    return {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        **invariant,
        **seeded,
    }
