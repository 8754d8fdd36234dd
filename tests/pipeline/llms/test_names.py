import pytest

from rlc.data.errors import UsageError
from rlc.experiments.cli.choose import engine_spec
from rlc.experiments.judges.support.naming import judge_spec
from rlc.pipeline.llms.support.names import local_or_hub
from rlc.pipeline.recipe_files import load_recipe


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("opnai:gpt-4o", "no engine or provider 'opnai'; did you mean 'openai'.*endpoint:gpt-4o"),
        ("endpont:m", "did you mean 'endpoint'"),
        ("llama3:8b", "no engine or provider 'llama3'.*endpoint:8b"),
        ("gpt-4o", "endpoint:gpt-4o; .*recorded:gpt-4o"),
    ],
)
def test_names_of_no_model_are_told_before_a_hub_is_asked(name, words):
    for refuse in (local_or_hub, engine_spec):
        with pytest.raises(UsageError, match=words):
            refuse(name)


def test_a_provider_is_an_engine_and_no_weights():
    spec = {"use": "endpoint", "provider": "openai", "model": "gpt-4o"}
    assert engine_spec("openai:gpt-4o") == spec
    with pytest.raises(UsageError, match=r'provider = "openai", model = "gpt-4o"'):
        local_or_hub("openai:gpt-4o")


@pytest.mark.parametrize("model", ["hf:smollm2", "endpoint:my-model", "anthropic:claude"])
def test_a_recipe_names_engines_as_the_command_line_does(model):
    completed = load_recipe(f'[readers.a]\nuse = "long"\nllm = "{model}"').completed()["a"]["llm"]
    assert completed.items() >= engine_spec(model).items()
    with pytest.raises(UsageError, match=f"{model!r} is .*, and no weights: in a recipe {{use = "):
        local_or_hub(model)  # `model = "hf:smollm2"` of an engine that is named already


def test_names_that_may_be_models(tmp_path):
    assert local_or_hub("Qwen/Qwen3-8B") == "Qwen/Qwen3-8B"
    assert local_or_hub(str(tmp_path)) == tmp_path
    assert engine_spec("hf:Qwen/Qwen3-8B") == {"use": "hf", "model": "Qwen/Qwen3-8B"}


def test_a_provider_is_a_judges_engine_though_a_package_has_its_name():
    assert judge_spec("openai:o3")["llm"] == {"use": "endpoint", "provider": "openai", "model": "o3"}
