"""The estimate that is made before a run, kept beside what was measured, and shown by the report."""

from dataclasses import replace

import pytest

from rlc.data.errors import UnsupportedError
from rlc.data.loads import PromptLoad
from rlc.data.protocols import Generation
from rlc.data.records import Dataset, Usage
from rlc.data.store import Store
from rlc.experiments.chunk_lab.methods import build_chunker
from rlc.experiments.report.sections.planned import planned
from rlc.experiments.runs import forecast
from rlc.experiments.runs.compare import documents_together, execute
from rlc.experiments.runs.forecast import (
    FILE,
    Engines,
    Forecast,
    Speed,
    expect,
    forecasts,
    gpu_plans,
    measure_speed,
    measure_speeds,
    read_estimate,
    weightless,
)
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.stored import open_run
from rlc.experiments.study.study import make_study
from rlc.pipeline.gpu_machine import MACHINES
from rlc.pipeline.kv import KNorm, KVzip
from rlc.pipeline.kv.engine import KvLLM
from rlc.pipeline.llms import HfLLM, ScriptedLLM, VllmLLM
from rlc.pipeline.readers.rag import RagReader
from rlc.pipeline.recipe import Recipe
from rlc.pipeline.recipe_files import load_recipe


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    return plan_run(findable, {"": load_recipe(scripted_recipe)}, ["rag", "long"], ["length"], tmp_path)


def test_a_run_keeps_its_estimate_and_what_came_of_it(run):
    execute(run)
    record = read_estimate(run.folder)
    assert record["readers"].keys() == record["measured"].keys() == {"rag", "long"}, (
        "routers read nothing themselves"
    )
    assert record["readers"]["long"]["questions"] == 4
    assert record["readers"]["long"]["seconds"] is None, "only engines of this process are timed beforehand"
    assert record["measured"]["long"]["seconds"] > 0
    before = (run.folder / FILE).read_text()
    execute(run)  # everything is stored: neither made anew nor measured
    assert (run.folder / FILE).read_text() == before


def test_the_report_shows_planned_beside_measured(run):
    execute(run)
    study = make_study(open_run(str(run.folder), run.out))
    section = planned(study)
    rows = {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in section.tables[0].rows}
    expect_, seen, ratio = rows["long", "prompt tokens given"]
    assert float(ratio) == pytest.approx(
        float(expect_.replace(",", "")) / float(seen.replace(",", "")), abs=0.01
    )
    assert rows["long", "seconds"][0] == "–"
    (run.folder / FILE).unlink()
    assert planned(study) is None
    (run.folder / FILE).write_text("{}")
    with pytest.warns(UserWarning, match=r"estimate\.json is left out"):
        assert planned(study) is None


def test_what_is_loaded_for_measuring_is_what_answers(run):
    engines = Engines()
    readers = run.readers(Store(run.out), engines.finish)
    [told, _] = forecasts(run.specs, run.dataset, engines.finish)
    readers["long"](run.dataset.examples)
    assert len(told.engine.calls) == 1
    assert list(engines.made.values()) == [told.engine]


def test_an_engine_of_this_process_is_timed_first(run, tiny_llm_folder, monkeypatch):
    run.specs["long"]["llm"] = {
        "use": "hf",
        "model": str(tiny_llm_folder),
        "dtype": "float32",
        "device": "cpu",
    }
    asked = []
    monkeypatch.setattr(
        forecast, "measure_speeds", lambda found, servers: asked.append(found) or {"long": Speed(10, 2)}
    )
    expect(run, Engines(), {"long": frozenset(["a1"])})
    found = read_estimate(run.folder)["readers"]["long"]
    assert [type(one.engine) for one in asked[0]] == [HfLLM]
    assert found["seconds"] == found["computed_tokens"] / 10 + found["output_tokens"] / 2
    (run.folder / FILE).unlink()
    expect(run, Engines(), {"long": frozenset(["a1"])}, measured=False)
    assert read_estimate(run.folder)["readers"]["long"] == found | {"seconds": None}
    assert len(asked) == 1, "nothing is loaded for it"


def test_arithmetic_that_the_planner_does_not_know_stops_no_run(run, monkeypatch):
    def refuse(*_):
        raise UnsupportedError("experts")

    monkeypatch.setattr(forecast, "gpu_plans", refuse)
    expect(run, Engines(), {"long": frozenset(["a1"])})
    assert read_estimate(run.folder)["machine"] is None


SMALL = """
[readers.small]
use = "rag"
retriever = "bm25"
llm = { use = "scripted", answers = { "" = "yes" } }
chunker = { use = "contextual", inner = { use = "recursive", size = 8 } }

[readers.neighbours]
use = "rag"
llm = { use = "scripted", answers = { "" = "yes" } }
chunker = { use = "recursive", size = 8 }
retriever = { use = "neighbours", retriever = "bm25", k = 1, depth = 1 }

[readers.pruned]
use = "rag"
retriever = "bm25"
llm = { use = "scripted", answers = { "" = "yes" } }
chunker = { use = "recursive", size = 8 }
steps = [{ use = "top", k = 1 }]

[readers.closed]
use = "closed"
llm = { use = "scripted", answers = { "" = "yes" } }
"""


def test_chunker_retriever_and_steps_say_what_is_read(dataset):
    found = forecasts(load_recipe(SMALL).completed(), dataset, weightless(10**6))
    read = {one.reader: max(load.tokens for load in one.loads) for one in found}
    assert read == {"small": 5 * 8, "neighbours": 3 * 8, "pruned": 8, "closed": 0}


@pytest.mark.parametrize("retriever", ["dense", "splade", "colbert"])
def test_no_encoder_is_loaded(dataset, retriever):
    rag = {
        "use": "rag",
        "chunker": {"use": "recursive", "size": 8},
        "retriever": {"use": retriever, "encoder": "./nowhere"},
        "llm": {"use": "scripted", "answers": {"": "yes"}},
    }
    reranked = {**rag, "steps": [{"use": "colbert", "encoder": "./nowhere"}]}
    specs = Recipe({"rag": rag, "reranked": reranked}).completed()
    assert all(found.loads for found in forecasts(specs, dataset, weightless(10**6)))


@pytest.mark.parametrize("name", ["attrieval", "fused", "rapid", "rag"])
def test_no_engine_is_loaded_whatever_it_must_be_able_to_do(dataset, name):
    parts = {"chunker": {"use": "recursive", "size": 8}, "retriever": "bm25"}
    llm = {"use": "hf", "model": "./nowhere"}
    spec = {
        "attrieval": {"use": "attrieval"},
        "fused": {"use": "fused", **parts, "fusion": "ape"},
        "rapid": {"use": "rapid", "search": {"use": "search", **parts}},
        "rag": {"use": "rag", **parts, "steps": [{"use": "attention", "llm": llm}]},
    }[name]
    specs = Recipe({"inside": {**spec, "llm": llm}}).completed()
    [found] = forecasts(specs, dataset, weightless(10**6))
    assert found.loads


def test_a_reader_that_cannot_say_is_listed(run, monkeypatch):
    monkeypatch.setattr(RagReader, "reads", lambda self, examples: None)
    expect(run, Engines(), {"rag": frozenset(["a1"]), "long": frozenset(["a1"])})
    record = read_estimate(run.folder)
    assert (list(record["readers"]), record["not_estimated"]) == (["long"], ["rag"])
    [rag, _] = [one.figures() for one in forecasts(run.specs, run.dataset)]
    assert rag["questions"] == 4
    assert rag["prompt_tokens"] is None


def test_a_routers_arms_count_where_nobody_else_reads_them(run):
    alone = forecasts({"auto": run.specs["length"]}, run.dataset)
    both = forecasts({name: run.specs[name] for name in ("rag", "long")}, run.dataset)
    assert [one.reader for one in alone] == ["auto"]
    assert alone[0].computed_tokens == sum(one.computed_tokens for one in both)
    assert [one.reader for one in forecasts(run.specs, run.dataset)] == ["rag", "long"]


def test_what_a_chunker_asks_of_a_model_counts_once_a_document(run):
    scripted = {"use": "scripted", "answers": {"": "a summary"}}
    chunker = {"use": "tree", "llm": scripted, "segment": 4}
    rag = {"use": "rag", "chunker": chunker, "retriever": "bm25", "llm": scripted}
    plain = {**rag, "chunker": {"use": "recursive", "size": 64}}
    specs = Recipe({"tree": rag, "plain": plain}).completed()
    tree, without = forecasts(specs, run.dataset)
    made = build_chunker(specs["tree"]["chunker"])
    asked = [load for name in run.dataset.asked for load in made.prepares(run.dataset.documents[name])]
    assert asked
    assert len(tree.loads) - len(without.loads) == len(asked)


def test_arms_that_two_voters_share_count_once(run):
    rag, long, router = (run.specs[name] for name in ("rag", "long", "length"))
    [alone] = forecasts({"vote": {"use": "vote", "voters": [rag, router, long]}}, run.dataset)
    both = forecasts({"rag": rag, "long": long}, run.dataset)
    assert alone.computed_tokens == sum(one.computed_tokens for one in both)
    [beside] = forecasts({"rag": rag, "vote": {"use": "vote", "voters": [rag, long]}}, run.dataset)[1:]
    assert beside.computed_tokens == both[1].computed_tokens
    sampled = {"use": "vote", "voters": [rag], "samples": 3}
    [_, thrice] = forecasts({"rag": rag, "vote": sampled}, run.dataset)
    assert thrice.computed_tokens == 2 * both[0].computed_tokens


def test_an_engine_that_fails_has_no_speed():
    assert measure_speed(ScriptedLLM({"never": "x"})) is None


class Probed(ScriptedLLM):
    """An engine of this process, eight prompts side by side: a prompt takes 2 s of reading, a token 0.5 s of a step."""

    probed = True
    together = 8

    def generate(self, prompts, **wishes):
        usage = Usage(
            prompt_tokens=20, cached_tokens=10, output_tokens=4, prefill_seconds=2, decode_seconds=2
        )
        return [replace(one, usage=usage) for one in super().generate(prompts, **wishes)]


def test_an_engine_that_answers_side_by_side_is_timed_at_that():
    """Four questions on one text: 40 tokens in 8 s, and 16 in 8 s; of one that is paid for, one is asked."""
    llm = Probed({"": "x"})
    assert measure_speed(llm) == Speed(prefill=5, decode=2)
    asked = []
    llm.generate = lambda prompts, **_: asked.append(len(prompts)) or [Generation("x")]
    llm.probed = False
    measure_speed(llm)
    assert asked == [1, 1, 1]


def test_a_slow_engine_is_asked_nothing_longer_than_tells_how_fast_it_is():
    """The first call loads it and says nothing of its speed; a fast one is asked at the length that keeps it busy."""
    lengths = {}
    for seconds in (forecast.PROBE_SECONDS / 2, forecast.PROBE_SECONDS * 2):
        words = lengths[seconds] = []
        llm = ScriptedLLM({"": "x"})
        spent = Usage(seconds=seconds, prompt_tokens=10, output_tokens=1)
        llm.generate = lambda prompts, words=words, spent=spent, **_: (
            words.append(len(prompts[0].prefix.split())) or [Generation("x", usage=spent)]
        )
        assert measure_speed(llm) == Speed(prefill=10 / seconds, decode=1 / seconds)
    assert list(lengths.values()) == [list(forecast.PROBE_WORDS), list(forecast.PROBE_WORDS[:2])]


def test_each_engine_is_timed_once_and_servers_where_that_is_wished():
    """Dozens of arms over one model may stand in a recipe: one arm of a pace is asked for all of them."""
    read, alike, server = Probed({"": "x"}), Probed({"": "x"}), ScriptedLLM({"": "x"})
    read.pace = alike.pace = "weights"
    loads = [PromptLoad("d", 10, 1, 2, 3)]
    found = [Forecast(str(i), 1, loads, one) for i, one in enumerate([read, read, alike, server])]
    assert measure_speeds(found, servers=True).keys() == {"0", "1", "2", "3"}
    told = []
    assert not alike.calls
    asked = len(server.calls)
    assert asked
    assert measure_speeds(found, servers=False, on_engine=told.append).keys() == {"0", "1", "2"}
    assert len(server.calls) == asked
    assert told == ["measuring how fast scripted is (1 of 1)"], "it says so before it begins"


def test_engines_that_thin_out_are_as_fast_as_others_over_their_weights(tiny_llm_folder, monkeypatch):
    monkeypatch.setattr(forecast, "PROBE_WORDS", (2, 4))
    exact = {"model": str(tiny_llm_folder), "device": "cpu", "dtype": "float32"}
    plain = HfLLM(**exact, side_by_side=1)
    thin = [KvLLM(**exact, kv=KNorm(ratio=ratio)) for ratio in (0.2, 0.8)]
    again = KvLLM(**exact, kv=KVzip(), sees="document", side_by_side=1)
    assert plain.pace == thin[0].pace == thin[1].pace
    assert len({plain.pace, again.pace, HfLLM(**exact).pace}) == 3
    assert again.pace == KvLLM(**exact, kv=KVzip(ratio=0.9), sees="document", side_by_side=1).pace
    loads = [PromptLoad("d", 10, 1, 2, 3)]
    found = [Forecast(str(i), 1, loads, one) for i, one in enumerate([*thin, again])]
    speeds = measure_speeds(found, servers=False)
    assert speeds["0"] is speeds["1"] is not speeds["2"]
    assert "_worker" not in vars(thin[1]), "it was not asked"


def test_an_engine_says_how_many_documents_it_wants():
    assert (
        documents_together({"long": {"llm": {"use": "vllm"}}, "auto": {}}) == VllmLLM.documents_together > 1
    )
    assert documents_together({"long": {"llm": {"use": "scripted"}}}) == 1


def test_only_vllm_is_planned(make_example, tiny_llm_folder):
    examples = tuple(
        make_example(*one)
        for one in (("1", "Who?", "x" * 90, "a"), ("2", "What?", "x" * 90, "a"), ("3", "Why?", "y" * 10, "b"))
    )
    data = Dataset("own", examples, {e.document_id: e.document for e in examples}, "r")
    llm = {"use": "vllm", "model": str(tiny_llm_folder), "kv_cache_dtype": "fp8"}

    def planned(**specs):
        recipe = Recipe({name: {"use": "long", "max_tokens": 8, "llm": one} for name, one in specs.items()})
        return gpu_plans(forecasts(recipe.completed(), data), MACHINES["h100"])

    found = planned(long=llm, other={"use": "hf", "model": str(tiny_llm_folder)})
    assert list(found) == ["long"]
    assert found["long"].fits
    assert found["long"].order == ("a", "b")
    again = planned(long={**llm, "rope": "yarn", "rope_factor": 4.0})["long"]
    assert (again.window, again.kv_bytes_per_token) == (
        found["long"].window,
        found["long"].kv_bytes_per_token,
    )
