import json
import re
import time
from importlib import resources
from pathlib import Path

import pytest

from rlc.chunkers import RecursiveChunker
from rlc.data.errors import SpecError, WeightsError
from rlc.data.spec import Builder
from rlc.data.store import Store
from rlc.experiments.runs.recipes import packaged_recipes, recipe_file
from rlc.pipeline import identity as identities
from rlc.pipeline.families import takes
from rlc.pipeline.former_names import first_names, present_names
from rlc.pipeline.identity import identity, revisions
from rlc.pipeline.recipe import Recipe, build_readers
from rlc.pipeline.recipe_files import load_recipe, recipe_of
from rlc.pipeline.recipe_settings import with_settings
from rlc.pipeline.routers import AUTO, ROUTERS
from rlc.pipeline.routers.buy_then_choose import PRICE

TEXT = """
[parts.llm]
use = "scripted"
answers = { "" = "yes" }

[parts.router-length]
threshold = 12

[readers.rag]
use = "rag"
chunker = "recursive"
retriever = { use = "hybrid", members = ["bm25", { use = "bm25", k = 7 }] }
llm = "@llm"

[readers.long]
use = "long"
llm = "@llm"

[readers.mine]
use = "length"
rag = "@rag"
long = "@long"
threshold = 3
"""


@pytest.fixture
def recipe():
    return load_recipe(TEXT)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def test_references_are_written_out(recipe):
    specs = recipe.completed()
    assert list(specs) == ["rag", "long", "mine"]
    assert specs["mine"]["rag"] == specs["rag"]
    assert specs["mine"]["long"] == specs["long"]
    assert specs["rag"]["llm"] == specs["long"]["llm"] == {
        "use": "scripted", "answers": {"": "yes"}, "window": 8192, "name": "scripted", "tokenizer": None,
    }  # fmt: skip
    assert [member["k"] for member in specs["rag"]["retriever"]["members"]] == [5, 7]
    assert "@" not in json.dumps(specs)


def test_a_part_may_name_a_part_and_stand_in_a_list(recipe):
    parts = {**recipe.parts, "words": {"use": "bm25", "k": 9}, "same": "@words"}
    rag = {**recipe.readers["rag"], "retriever": {"use": "hybrid", "members": ["@same", "@words"]}}
    members = Recipe({"rag": rag}, parts).completed()["rag"]["retriever"]["members"]
    assert members[0] == members[1]
    assert members[0]["k"] == 9


def long(llm="@llm", **more):
    return {"use": "long", "llm": llm, **more}


def router(rag, long="@long"):
    return {"use": "length", "rag": rag, "long": long}


@pytest.mark.parametrize(
    ("readers", "parts", "message"),
    [
        ({"auto": router("@auto")}, {}, "readers.auto.rag -> readers.auto: a circle"),
        ({"a": router("@b"), "b": router("@a")}, {}, "readers.a.rag -> readers.b.rag -> readers.a: a circle"),
        ({"a": long("@x")}, {"x": "@x"}, "readers.a.llm -> parts.x -> parts.x: a circle"),
        (
            {"a": long("@x")},
            {"x": {"use": "hf", "model": ["@y"]}, "y": "@x"},
            "readers.a.llm -> parts.x.model[0] -> parts.y -> parts.x: a circle",
        ),
        ({"a": "@a"}, {}, "readers.a -> readers.a: a circle"),
    ],
)
def test_circles_say_where(readers, parts, message):
    readers = {**readers, "long": long()}
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        Recipe(readers, {"llm": "m", **parts}).completed()


def test_naming_the_same_part_twice_is_no_circle(recipe):
    assert recipe.with_router("auto").completed()["auto"]["rag"]["llm"]["use"] == "scripted"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"llm": "@lm"}, "readers.rag.llm: no part or reader 'lm'; did you mean 'llm'? known: llm, "),
        ({"chunker": "recusive"}, "readers.rag.chunker: no chunker 'recusive'; did you mean 'recursive'?"),
        (
            {"retriever": {"use": "hybrid", "members": ["@bm"]}},
            "readers.rag.retriever.members[0]: no part or reader 'bm'",
        ),
        ({"steps": ["nothing"]}, "readers.rag.steps[0]: no step 'nothing'"),
        ({"steps": "cross-encoder"}, "readers.rag.steps: expected a list"),
        ({"max_tokns": 3}, "readers.rag.max_tokns: no setting 'max_tokns'; did you mean 'max_tokens'?"),
        ({"max_tokens": "many"}, "readers.rag.max_tokens: expected int, got 'many'"),
    ],
)
def test_a_mistake_names_its_place(recipe, change, message):
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        Recipe({"rag": {**recipe.readers["rag"], **change}}, recipe.parts).completed()


def test_only_keeps_the_order_and_what_its_readers_name(recipe):
    assert list(recipe.only(["long", "rag"]).completed()) == ["long", "rag"]
    assert recipe.only(["mine"]).completed() == {"mine": recipe.completed()["mine"]}
    with pytest.raises(SpecError, match="readers: no reader 'lng'; did you mean 'long'"):
        recipe.only(["lng"])


def test_which_readers_are_compared(recipe):
    assert recipe.arms([]) == ["rag", "long"]
    assert recipe.arms(["mine"]) == ["mine"]
    assert recipe.arms(["all"]) == list(recipe.readers) != ["rag", "long"]
    assert recipe.only(["mine", "rag"]).arms([]) == ["mine", "rag"], "a recipe of one's own names"


def test_auto_is_written_out_as_what_it_stands_for(recipe):
    spec = recipe.with_router("auto").completed()["auto"]
    assert (spec["use"], spec["price"]) == (AUTO, PRICE)
    own = Recipe({**recipe.readers, "own": {"use": "auto", "rag": "@rag", "long": "@long"}}, recipe.parts)
    assert own.completed()["own"] == spec
    once = Recipe(recipe.readers, {**recipe.parts, "router-auto": {"calls": 1}})
    assert once.with_router("auto").completed()["auto"]["use"] == "learned"
    with pytest.raises(SpecError, match="calls: expected 1 or 2 calls a question, got 3"):
        Recipe(recipe.readers, {**recipe.parts, "router-auto": {"calls": 3}}).with_router("auto")


def test_a_routers_part_holds_its_settings_and_how_its_arms_differ(recipe):
    assert recipe.with_router("length").completed()["length"]["threshold"] == 12
    parts = {**recipe.parts, "router-self-route": {"rag": {"instruction": "Or say unanswerable."}}}
    spec = Recipe(recipe.readers, parts).with_router("self-route").completed()["self-route"]
    rag = recipe.completed()["rag"]
    assert spec["rag"] == {**rag, "instruction": "Or say unanswerable."}


@pytest.mark.parametrize("name", sorted(ROUTERS))
def test_a_router_by_its_own_name(recipe, name):
    deciding = {f"router-{name}": {"llm": "@llm"}} if takes({"use": name}, "llm") else {}
    asked = Recipe(recipe.readers, {**recipe.parts, **deciding})
    spec = asked.with_router(name).completed()[name]
    assert spec["use"] == name
    arms = spec["arms"] if "arms" in spec else [spec["rag"], spec["long"]]
    assert [arm["use"] for arm in arms] == ["rag", "long"]


def test_the_recipes_own_router_is_kept(recipe):
    assert recipe.with_router("mine") is recipe


def test_routers_that_cannot_be(recipe):
    with pytest.raises(SpecError, match="router: no router 'lenght'; did you mean 'length'"):
        recipe.with_router("lenght")
    with pytest.raises(SpecError, match=r"router 'auto' routes between 'rag' and 'long'; add the arm 'long'"):
        recipe.only(["rag"]).with_router("auto")


def test_settings_by_path(recipe):
    changed = with_settings(
        recipe,
        [
            "readers.rag.chunker.size=300",  # a bare name gets settings
            "readers.rag.retriever.members.0.k=9",  # also in a list
            "readers.rag.retriever.members.1={ use = 'bm25', k = 2 }",
            "parts.llm.name = tester ",
            "readers.long.overflow=head",
            "readers.mine.threshold=0",
            "readers.mine.tokenizer=approximate",
        ],
    ).completed()
    assert changed["rag"]["chunker"]["size"] == 300
    assert [member["k"] for member in changed["rag"]["retriever"]["members"]] == [9, 2]
    assert changed["long"]["llm"]["name"] == changed["mine"]["rag"]["llm"]["name"] == "tester"
    assert (changed["long"]["overflow"], changed["mine"]["threshold"]) == ("head", 0)
    assert changed["mine"]["tokenizer"] == {"use": "tokenizer", "model": "approximate"}


def test_settings_leave_the_recipe_alone(recipe):
    before = json.dumps([recipe.readers, recipe.parts])
    with_settings(recipe, ["readers.rag.retriever.members.0.k=9", "parts.llm.window=1"])
    assert json.dumps([recipe.readers, recipe.parts]) == before


def test_a_bare_model_gets_settings_too():
    recipe = Recipe({"long": {"use": "long", "llm": "smollm2"}})
    spec = with_settings(recipe, ["readers.long.llm.window=100"]).readers["long"]["llm"]
    assert spec == {"use": "hf", "model": "smollm2", "window": 100}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("readers.rag", "--set readers.rag: expected path=value"),
        ("size=3", "--set size=3: expected path=value"),
        ("=3", "--set =3: expected path=value"),
        ("readers.rga.size=3", "--set readers.rga.size: no setting 'rga'; did you mean 'rag'?"),
        ("reader.rag.x=3", "--set reader.rag.x: no setting 'reader'; did you mean 'readers'?"),
        (
            "readers.rag.retriever.members.2.k=3",
            "--set readers.rag.retriever.members.2.k: no item '2'; known: 0, 1",
        ),
        (
            "readers.rag.retriever.members.x.k=3",
            "--set readers.rag.retriever.members.x.k: no item 'x'; known: 0, 1",
        ),
        (
            "readers.rag.retriever.members.2=bm25",
            "--set readers.rag.retriever.members.2: no item '2'; known: 0, 1",
        ),
        ("readers.rag.retriever.members.-1=bm25", "--set readers.rag.retriever.members.-1: no item '-1'"),
        ("readers.mine.threshold.x=3", "--set readers.mine.threshold.x: there is no 'x' in 3"),
        ("readers.mine.threshold.x.y=3", "--set readers.mine.threshold.x.y: there is no 'x' in 3"),
        (
            "readers.rag.llm.window=3",
            "--set readers.rag.llm: is shared (@llm); set it where 'llm' is defined",
        ),
    ],
)
def test_settings_that_lead_nowhere(recipe, setting, message):
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        with_settings(recipe, [setting])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[readers.rag\n", "cannot read the recipe : "),
        ("", "the recipe has no [readers.NAME] table"),
        ("[parts.llm]\nuse = 'hf'", "the recipe has no [readers.NAME] table"),
        ("[reader.rag]\nuse = 'rag'", "reader: no table 'reader'; did you mean 'readers'?"),
        ("readers = 3", "readers: expected [readers.NAME] tables, got 3"),
        (
            "[readers.a]\nuse = 'rag'\n[parts.router-lerned]\nprice = 1.0",
            "parts.router-lerned: no router 'lerned'; did you mean 'learned'?",
        ),
        ("parts = 'x'\n[readers.a]\nuse = 'rag'", "parts: expected [parts.NAME] tables, got 'x'"),
    ],
)
def test_what_is_no_recipe(text, message):
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        load_recipe(text)


def test_a_recipe_from_a_file(tmp_path, recipe):
    (tmp_path / "r.toml").write_text(TEXT)
    assert load_recipe(tmp_path / "r.toml") == recipe
    (tmp_path / "r.toml").write_bytes(b"\xff")
    for file in (tmp_path / "r.toml", tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(SpecError, match=f"cannot read the recipe {re.escape(str(file))}: "):
            load_recipe(file)


@pytest.mark.parametrize("name", ["default.toml", "recorded.toml"])
def test_the_built_in_recipes_are_whole(name):
    text = (resources.files("rlc.experiments") / "recipes" / name).read_text(encoding="utf-8")
    recipe = load_recipe(text)
    if name == "recorded.toml":  # the command line fills these in
        recipe = Recipe(
            {arm: {**spec, "root": "r", "model": "m"} for arm, spec in recipe.readers.items()}, recipe.parts
        )
    assert set(recipe.with_router("auto").completed()) == {*recipe.readers, "auto"}


def test_readers_answer_and_share_their_engine(recipe, store, make_example):
    specs = recipe.with_router("length").completed()
    readers = build_readers(specs, store)
    assert list(readers) == ["rag", "long", "mine", "length"]
    examples = [
        make_example("a", "Is it two?", text="one two three", document_id="a"),
        make_example("b", "Is it x?", text="x " * 50, document_id="b"),
    ]
    answers = {name: reader(examples) for name, reader in readers.items()}
    assert [answer.text for answers_ in answers.values() for answer in answers_] == ["yes"] * 8
    assert [answer.route for answer in answers["length"]] == ["long", "rag"]
    assert [a.usage for a in answers["length"]] == [answers["long"][0].usage, answers["rag"][1].usage]
    rag, whole = (readers[name].reader for name in ("rag", "long"))
    assert rag.llm is whole.llm
    assert readers["length"].reader.rag is readers["rag"]
    assert len(rag.llm.calls) == 2, "each arm asked once; the routers were served by the store"


def test_nothing_is_made_before_the_first_question(recipe, store, monkeypatch):
    monkeypatch.setattr(Builder, "_make", lambda *given: pytest.fail("made something"))
    build_readers({name: spec for name, spec in recipe.completed().items() if name != "mine"}, store)


def test_two_names_for_one_spec_are_one_reader(recipe, store, make_example):
    twice = Recipe({"a": recipe.readers["long"], "b": recipe.readers["long"]}, recipe.parts)
    readers = build_readers(twice.completed(), store)
    assert readers["a"] is readers["b"]
    assert readers["b"]([make_example("q")])[0].route == "a"


def test_identity_changes_with_every_setting(recipe):
    long_ = recipe.completed()["long"]
    changed = [
        long_,
        {**long_, "max_tokens": 65},
        {**long_, "overflow": "head"},
        {**long_, "llm": {**long_["llm"], "window": 8191}},
    ]
    assert len({identity(spec) for spec in changed}) == len(changed)
    assert identity(json.loads(json.dumps(long_))) == identity(long_)


def test_identity_changes_with_the_models_revision(tmp_path, monkeypatch):
    spec = Recipe({"long": long({"use": "hf", "model": "org/model"})}).completed()["long"]
    assert revisions(spec) == {"org/model": "main"}
    other = {**spec, "llm": {**spec["llm"], "revision": "abc"}}
    assert revisions(other) == {"org/model": "abc"}
    before = identity(spec)
    monkeypatch.setattr(identities, "revision_of", lambda model, revision: "moved on")
    assert identity(spec) != before


KV_SPEC = {"use": "hf-kv", "model": "org/model", "kv": "kivi"}
PROPOSITIONS = {"use": "proposition", "model": "org/model"}


@pytest.mark.parametrize(
    "spec",
    [
        long(KV_SPEC),
        {
            "use": "rag",
            "chunker": PROPOSITIONS,
            "retriever": "bm25",
            "llm": {"use": "scripted", "answers": {}},
        },
        long({"use": "endpoint", "model": "m", "window": 10, "tokenizer": "org/model"}),
        router(long({"use": "scripted", "answers": {}}), long({"use": "vllm", "model": "org/model"})),
        {**router(*[long({"use": "scripted", "answers": {}})] * 2), "tokenizer": "org/model"},
    ],
    ids=["cache method", "chunker", "tokenizer of an engine", "inside a router", "tokenizer"],
)
def test_new_weights_are_another_identity_wherever_they_are_named(spec, monkeypatch):
    [completed] = Recipe({"a": spec}).completed().values()
    assert revisions(completed) == {"org/model": "main"}
    before = identity(completed)
    monkeypatch.setattr(identities, "revision_of", lambda model, revision: "moved on")
    assert identity(completed) != before


def test_what_names_no_weights_has_no_revision():
    engine = {"use": "endpoint", "model": "served", "window": 10, "tokenizer": "approximate"}
    assert revisions(Recipe({"a": long(engine)}).completed()["a"]) == {}


def test_a_raised_version_of_a_method_is_another_identity(recipe, monkeypatch):
    spec, other = (recipe.completed()[name] for name in ("rag", "long"))
    before = identity(spec), identity(other)
    monkeypatch.setattr(RecursiveChunker, "VERSION", 99)
    assert identity(spec) != before[0]
    assert identity(other) == before[1]


def test_answers_of_an_older_version_are_asked_anew(recipe, store, make_example, monkeypatch):
    specs = recipe.only(["rag"]).completed()
    examples = [make_example("a", "Who met Bob?")]
    [first] = build_readers(specs, store).values()
    first(examples)
    assert not build_readers(specs, store)["rag"].missing(examples)
    monkeypatch.setattr(RecursiveChunker, "VERSION", 99)
    assert build_readers(specs, store)["rag"].missing(examples) == examples


def test_identities_of_older_releases_still_stand():
    """Otherwise what they stored is asked anew, as after a raised VERSION. Settings are spelled as they were then."""
    answers = {"use": "scripted", "answers": {"": "yes"}}
    rag = {
        "use": "rag", "chunker": "recursive", "index": {"use": "neighbours", "index": "bm25"},
        "llm": answers, "steps": [{"use": "top", "k": 2}],
    }  # fmt: skip
    whole = long({"use": "hf", "model": "org/model", "revision": "abc", "dtype": "bfloat16"})
    specs = Recipe({"rag": rag, "whole": whole}).completed()
    assert identity(specs["rag"]) == "c591be1f0911374bfbfe41a74033066c"  # chunks are bounded by bytes since
    assert identity(specs["whole"]) == "6a2146c194d13b89ecd886df6889b7c5"  # its dtype is written out since


def test_what_makes_a_retriever_may_still_be_called_index(recipe):
    old = load_recipe(TEXT.replace("retriever =", "index ="))
    assert old == recipe
    assert present_names({"use": "dense", "index": "hnsw"}) == {"use": "dense", "index": "hnsw"}
    settings = ["readers.rag.index.k=9", "readers.rag.index.members.1.k=2"]
    changed = with_settings(old, settings).completed()["rag"]["retriever"]
    assert (changed["k"], changed["members"][1]["k"]) == (9, 2)
    dense = with_settings(recipe, ["readers.rag.index={ use = 'dense', encoder = 'minilm' }"])
    spec = with_settings(dense, ["readers.rag.retriever.index=hnsw"]).completed()["rag"]["retriever"]
    assert (spec["use"], spec["index"]) == ("dense", "hnsw")


def test_a_model_that_is_nowhere_is_found_before_any_question(store):
    specs = Recipe({"long": long({"use": "hf", "model": "./nowhere"})}).completed()
    with pytest.raises(WeightsError, match=r"no model folder at \./nowhere"):
        build_readers(specs, store)


DOUBLING = "\n".join(f'[parts.p{i}]\nuse = "a"\na = "@p{i + 1}"\nb = "@p{i + 1}"' for i in range(40))


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (
            f'[readers.r]\nuse = "long"\nllm = "@p0"\n{DOUBLING}\n[parts.p40]\nuse = "a"',
            "holds more than 100,000",
        ),
        (f"[readers.r]\nuse = {'[' * 900}{']' * 900}", "nests deeper"),
        (f"[readers.r]\nuse = {'[' * 60}{']' * 60}", "nests deeper"),
        (f"[readers.{'.'.join('a' * 300)}]\nuse = 'x'", "nests deeper"),
        (
            '[readers.r]\nuse = "long"\nllm = "@p0"\n'
            + "\n".join(f'[parts.p{i}]\nuse = "@p{i + 1}"' for i in range(2000)),
            "parts that name one another",
        ),
    ],
    ids=["doubling", "brackets", "lists", "keys", "chain"],
)
def test_a_recipe_that_nests_or_doubles_beyond_use_is_refused_at_once(recipe, reason):
    start = time.process_time()
    with pytest.raises(SpecError, match=reason):
        load_recipe(recipe).completed()
    assert time.process_time() - start < 5


def test_settings_that_are_tables_are_reached_and_none_stands_for_no_value():
    recipe = recipe_of(
        {
            "parts": {"llm": {"use": "endpoint", "model": "m", "window": 512}},
            "readers": {"long": {"use": "long", "llm": "@llm"}},
        }
    )
    changed = with_settings(
        recipe,
        [
            "parts.llm.extra_body.top_k=1",
            "parts.llm.extra_body.options.num_ctx=8192",
            "parts.llm.temperature=none",
        ],
    )
    llm = changed.completed()["long"]["llm"]
    assert llm["extra_body"] == {"top_k": 1, "options": {"num_ctx": 8192}}
    assert llm["temperature"] is None
    assert llm["seed"] is True
    with pytest.raises(SpecError, match="no setting 'extra_bodi'"):
        with_settings(recipe, ["parts.llm.extra_bodi.top_k=1"])


def test_settings_of_speed_change_no_identity():
    """Stored answers stay found: 1,024 is what `prefill_step` was when the first of them were stored."""
    plain = {"use": "long", "llm": {"use": "hf", "model": "smollm2", "prefill_step": 1024}}
    fast = {"use": "long", "llm": {**plain["llm"], "prefill_step": 4096, "side_by_side": 3}}
    assert first_names(fast) == plain == first_names(plain)


def test_an_endpoint_is_what_it_was_before_there_were_providers():
    first = {
        "base_url": "http://localhost:8000/v1",
        "api_key_env": "OPENAI_API_KEY",
        "max_tokens_field": "max_tokens",
    }
    found = {
        "base_url": None,
        "api_key_env": None,
        "max_tokens_field": None,
        "provider": None,
        "structured": None,
    }
    assert first_names({"use": "endpoint", **found}) == {"use": "endpoint", **first}
    assert first_names({"provider": "openai"}) == {"provider": "openai"}


def test_a_part_that_nobody_names_is_warned_of(recwarn):
    named = '[readers.long]\nuse = "long"\nllm = "@llm"\n[parts.router-auto]\ncalls = 1\n[parts.llm]\nuse = "scripted"\n'
    load_recipe(named)
    load_recipe(f'{named}[judge]\nuse = "correctness"\nllm = "@eyes"\n[parts.eyes]\nuse = "scripted"\n')
    for builtin in set(packaged_recipes()) - {"sweep"}:  # which has no readers of its own
        load_recipe(recipe_file(Path(builtin)))
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"nothing in the recipe names \[parts.lmm\], .* write \"@lmm\""):
        load_recipe(f"{named}[parts.lmm]\nwindow = 9\n")


def test_a_set_part_is_one_that_is_there_or_a_routers(recipe):
    with pytest.raises(SpecError, match=r"--set parts\.lmm: no part 'lmm'; did you mean 'llm'"):
        with_settings(recipe, ["parts.lmm=3"])
    with pytest.raises(SpecError, match="no part 'router-lerned'"):
        with_settings(recipe, ["parts.router-lerned.fit=x.json"])
    told = with_settings(Recipe(recipe.readers), ["parts.router-learned.fit=x.json"])
    assert told.parts == {"router-learned": {"fit": "x.json"}}


def test_a_router_that_is_added_says_what_it_needs_and_where_that_is_written(recipe):
    said = r"router 'p-true' needs a setting 'llm': write \[parts.router-p-true\] llm = .*--set parts.router-p-true.llm="
    with pytest.raises(SpecError, match=said):
        recipe.with_router("p-true")
    told = with_settings(recipe, ["parts.router-p-true.llm=@llm"])
    assert told.with_router("p-true").completed()["p-true"]["llm"]["use"] == "scripted"
