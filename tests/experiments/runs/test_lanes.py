"""Lanes: work is done elsewhere and kept here; what a dead lane was at is asked again, and nothing waits for the dead."""

import sys
import time
from dataclasses import replace
from importlib.util import find_spec

import pytest

from rlc.data.child import ChildDiedError
from rlc.data.errors import DataError, EngineUnavailableError, MissingExtraError, UsageError
from rlc.data.lanes import Lanes, Task
from rlc.data.process_lanes import gpus_here, share
from rlc.data.ray_lanes import connect
from rlc.data.records import Answer
from rlc.data.store import Store
from rlc.experiments.runs.compare import Execution, execute
from rlc.experiments.runs.run import plan_run
from rlc.experiments.runs.stored import open_run
from rlc.pipeline.recipe_files import load_recipe

NOBODY = {"use": "endpoint", "model": "m", "window": 4096, "base_url": "http://127.0.0.1:9/v1"}
TIMES = ("index_seconds", "retrieve_seconds", "first_token_seconds", "seconds", "made_of")
MODULE = '''
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from rlc.data.errors import UnsupportedError
from rlc.data.records import Answer

@dataclass(frozen=True)
class Deeds:
    """What a batch asks for is done, letter by letter."""
    folder: Path

    def open(self, store):
        def do(name, batch):
            return [deed(self.folder, store, name, what) for what in batch]
        return do

def deed(folder, store, name, what):
    if what.startswith("die") and not (what == "die once" and (folder / "died").exists()):
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "stop":
        raise UnsupportedError("nobody can")
    if what == "keep":
        known = store.get(["old", "new"])
        store.put({"new": Answer(known["old"].text + "+", "")})
    if what == "unkeepable":
        store.put({"bad": Answer("", "", details={"a set": {1}})})
    if what == "renewed":
        return sorted(store.get(["old"])), sorted(store.renewed)
    if what == "environment":
        return os.environ.get("CUDA_VISIBLE_DEVICES")
    if what == "sleep":
        time.sleep(600)
    return f"{name} {what}"
'''


@pytest.fixture(autouse=True)
def held(tmp_path_factory, monkeypatch):
    """A module that lanes can import, wherever they are."""
    folder = tmp_path_factory.mktemp("module")
    (folder / "deeds.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop("deeds", None)


@pytest.fixture
def work(tmp_path):
    from deeds import Deeds

    return Deeds(tmp_path)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def run(findable, scripted_recipe, tmp_path):
    recipe = load_recipe(scripted_recipe)
    return plan_run(findable, {"": recipe}, ["rag", "long"], ["length"], tmp_path / "runs")


def tasks(*batches, names=("one", "two")):
    return [Task(names, batch) for batch in batches]


def all_is_done_though_a_lane_dies(lanes, work, store):
    found = list(lanes.run(work, tasks(["a", "b"], ["die once"], ["c"]), store))
    assert sorted(found) == [
        (name, batch, [f"{name} {what}" for what in batch])
        for name in ("one", "two")
        for batch in (["a", "b"], ["c"], ["die once"])
    ]
    assert [batch for _, batch, _ in found][-1] == ["die once"], "a document that kills comes after all else"


def without_lanes_the_run_stops_and_what_is_new_is_kept_at_once(lanes, work, store):
    store.put({"old": Answer("1", "")})
    with pytest.raises(
        EngineUnavailableError, match="all 2 workers died, 3 batches before the end"
    ) as stopped:
        list(lanes.run(work, tasks(["keep", "die"], ["die"], ["never"]), store))
    assert store.get(["new"])["new"].text == "1+"
    assert lanes.cluster or "signal SIGKILL" in str(stopped.value)


def rows_are_those_of_one_process_and_are_stored(lanes, run):
    how = Execution(lanes=lanes)
    assert execute(run, how) == 0
    frame = open_run(str(run.folder), run.out).frame
    alone = replace(run, out=run.out / "one")
    execute(alone)
    assert frame.drop(TIMES).equals(open_run(str(alone.folder), alone.out).frame.drop(TIMES))
    with pytest.MonkeyPatch.context() as patch:  # nothing is missing: no lane is started
        patch.setattr("rlc.data.lanes.OPENERS", {})
        assert execute(run, how) == frame.height == 12
    assert open_run(str(run.folder), run.out).frame.equals(frame)


def what_would_fail_every_question_stops_the_run_and_leaves_what_is_answered(lanes, run):
    run = replace(
        run, specs={"rag": run.specs["rag"], "long": {**run.specs["long"], "llm": NOBODY}}, labels={}
    )
    left = []
    how = Execution(lanes=lanes, on_left=lambda: left.append(open_run(str(run.folder), run.out)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlc.experiments.runs.compare.check_engines", lambda *_: None)  # it went away later
        with pytest.raises(EngineUnavailableError, match="nothing answers at"):
            execute(run, how)
    [stored] = left
    assert set(stored.frame["reader"]) == {"rag"}
    assert stored.provenance["provisional"]["questions"] == stored.frame.height
    alone = replace(run, specs={"rag": run.specs["rag"]})
    assert execute(alone) >= stored.frame.height, "what is answered is not asked again"


OF_WORK = (all_is_done_though_a_lane_dies, without_lanes_the_run_stops_and_what_is_new_is_kept_at_once)
OF_RUNS = (
    rows_are_those_of_one_process_and_are_stored,
    what_would_fail_every_question_stops_the_run_and_leaves_what_is_answered,
)


@pytest.mark.parametrize("law", OF_WORK, ids=lambda law: law.__name__)
def test_processes_do_work(law, work, store):
    law(Lanes(2), work, store)


@pytest.mark.parametrize("law", OF_RUNS, ids=lambda law: law.__name__)
def test_processes_answer_runs(law, run):
    law(Lanes(2), run)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'rlc[ray]'")
def test_a_cluster_does_the_same(work, store, run, tmp_path):
    """All in one test, since a cluster of its own takes seconds to start."""
    ray = connect("local")
    try:
        for law in OF_WORK:
            law(Lanes(2, "auto"), work, store)
        for law in OF_RUNS:
            law(Lanes(2, "auto"), run)
        with pytest.raises(UsageError, match=r"--workers 999 need 999 CPUs, and the cluster has \d+"):
            list(Lanes(999, "auto").run(work, tasks(["a"]), store))
    finally:
        ray.shutdown()


def test_a_batch_that_kills_twice_is_given_up(work, store):
    with pytest.warns(UserWarning, match=r"workers go on: a worker ended \(") as told:
        found = {
            batch[0]: (name, what)
            for name, batch, what in Lanes(3).run(work, tasks(["die"], ["a"], ["b"], names=["one"]), store)
        }
    assert len(told) == 2, "each death is told"
    assert found["a"] == ("one", ["one a"])
    assert found["b"] == ("one", ["one b"])
    assert isinstance(found["die"][1], ChildDiedError)


def test_void_answers_are_void_in_a_lane(work, store):
    store.put({"old": Answer("1", "")})
    store.renew(["old", "unasked"])
    assert [found for *_, found in Lanes(2).run(work, tasks(["renewed"], names=["x"]), store)] == [
        [([], ["old"])]
    ]


def test_what_cannot_be_kept_is_said_in_the_lane(work, store):
    with pytest.raises(DataError, match="plain data"):
        list(Lanes(2).run(work, tasks(["unkeepable"]), store))


def test_who_breaks_off_waits_for_nobody(work, store):
    arriving = Lanes(2).run(work, tasks(["sleep"], ["a"], names=["one"]), store)
    assert next(arriving) == ("one", ["a"], ["one a"])
    begun = time.monotonic()
    arriving.close()
    assert time.monotonic() - begun < 5


def test_one_worker_is_this_process(work, store, held):
    assert list(Lanes().run(work, tasks(["a"], ["b"]), store)) == [
        (name, batch, [f"{name} {batch[0]}"]) for batch in (["a"], ["b"]) for name in ("one", "two")
    ]


def test_gpus_are_dealt_out(work, store, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert gpus_here() == ["4", "5", "6", "7"]
    shares = [found for *_, found in Lanes(2, None, 2).run(work, tasks(["environment"], names=["x"]), store)]
    assert shares == [["4,5"]], "the first lane's"
    gpus = gpus_here()
    assert [share(gpus, number, Lanes(2)) for number in range(2)] == [["4", "5"], ["6", "7"]]
    assert [share(gpus[:2], number, Lanes(3)) for number in range(3)] == [["4"], ["5"], ["4"]]
    assert share(gpus, 1, Lanes(2, None, 1)) == ["5"]
    assert share([], 0, Lanes(2, None, 0)) == []
    with pytest.raises(UsageError, match="need 6 GPUs, and this machine shows 4"):
        share(gpus, 0, Lanes(3, None, 2))
    with pytest.raises(UsageError, match="add --workers 2 or more"):
        Lanes(1, None, 1)


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", "")
    assert gpus_here() == []


def test_an_address_of_rays_client_is_refused():
    with pytest.raises(UsageError, match=r"--cluster ray://there:10001: expected the head's own address"):
        connect("ray://there:10001")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("rlc.data.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"rlc\[ray\]"):
        connect("auto")
