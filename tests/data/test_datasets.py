import json
import shutil

import pytest

from rlc.data.datasets import load_completed, load_dataset, load_sets, parse
from rlc.data.errors import DataError, UsageError, WeightsError
from rlc.data.lazy import load
from rlc.data.sets import SETS
from rlc.data.sets.lara import SAMPLE


@pytest.fixture(autouse=True)
def _nothing_at_hand(monkeypatch, tmp_path):
    monkeypatch.delenv("RLC_DATA", raising=False)
    monkeypatch.setenv("RLC_CACHE", str(tmp_path / "cache"))


def test_every_name_leads_to_a_loader():
    assert all(callable(load(target)) for target in SETS.values())


def test_lara_is_the_sample_where_nothing_is_at_hand():
    dataset = load_dataset("lara")
    assert (dataset.name, dataset.variant) == ("lara", "sample")
    assert dataset.revision == load_dataset("sample").revision


def test_a_data_root_wins_over_the_environment(small_lara, tmp_path, monkeypatch):
    monkeypatch.setenv("RLC_DATA", str(tmp_path / "nowhere"))
    assert load_dataset("lara", small_lara).variant == "benchmark"


def test_the_environment_names_lara(small_lara, monkeypatch):
    monkeypatch.setenv("RLC_DATA", str(small_lara))
    assert load_dataset("lara").variant == "benchmark"
    assert load_dataset("sample", small_lara).variant == "sample"


def test_a_given_place_without_lara_is_an_error_and_no_sample(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="expected LaRA's layout"):
        load_dataset("lara", tmp_path / "nowhere")
    monkeypatch.setenv("RLC_DATA", str(tmp_path))
    with pytest.raises(DataError, match="expected LaRA's layout"):
        load_dataset("lara")


def test_the_cache_is_read_and_held_to_its_record(small_lara, tmp_path):
    cached = tmp_path / "cache" / "datasets" / "lara"
    shutil.copytree(small_lara, cached)
    with pytest.raises(DataError, match="was not fetched"):
        load_dataset("lara")
    from rlc.data.formats.files import digest

    files = [path for path in cached.rglob("*") if path.is_file()]
    cached.with_suffix(".json").write_text(json.dumps({"digest": digest(cached, files)}))
    assert load_dataset("lara").variant == "benchmark"


def test_the_sample_is_never_called_the_benchmark(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    assert load_dataset("lara", SAMPLE).variant == "sample"
    assert load_dataset(str(SAMPLE)).variant == "sample"
    assert load_dataset("lara", copy).variant == "own"


def test_a_folder_is_read_by_what_it_holds(small_lara, tmp_path):
    assert load_dataset(str(small_lara)).name == "lara"
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.txt").write_text("Plain.")
    (own / "questions.jsonl").write_text('{"question": "How?"}')
    assert list(load_dataset(str(own)).documents) == ["a.txt"]
    (own / "documents.jsonl").write_text('{"id": "b", "text": "Simple."}')
    assert list(load_dataset(str(own)).documents) == ["b"]


def test_unknown_names_teach():
    with pytest.raises(
        UsageError,
        match=r"no data set 'lahra'; did you mean 'lara'\?.*known: .*lara, .*sample.*lahra is no folder",
    ):
        load_dataset("lahra")


def test_words_are_parts_and_settings():
    assert parse("ruler") == {"use": "ruler"}
    assert parse("ruler:vt, fwe,length=1024+2048,seed=1,haystack=a:b") == {
        "use": "ruler", "part": ["vt", "fwe"], "length": [1024, 2048], "seed": 1, "haystack": "a:b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ruler:niah_singel_1", "no part 'niah_singel_1'; did you mean 'niah_single_1'"),
        ("ruler:vt,lenght=9", "lenght: no setting 'lenght'; did you mean 'length'"),
        ("ruler:vt,length=long", "expected int, got 'long'"),
        ("ruler:vt,length=60", "length=60: the question, the answer and what is hidden take"),
        ("ruler:qa_1", "which are not shipped: give their file with qa=FILE"),
        ("ruler:vt,haystack=nowhere", "nowhere: no such folder"),
        ("ruler:vt,tokenizer=nobody/nothing", "no fast tokenizer for 'nobody/nothing'"),
    ],
)
def test_bad_words_teach(words, said):
    with pytest.raises((UsageError, DataError, WeightsError), match=said):
        load_dataset(words)


def test_parts_and_lengths_are_merged_and_named():
    dataset = load_dataset("ruler:vt,fwe,length=1024+2048,questions=2")
    assert dataset.name == "ruler:vt,fwe,length=1024+2048,questions=2"
    assert len({example.id for example in dataset.examples}) == len(dataset.documents) == 8
    assert dataset.measures == {"vt": "ruler:match-all", "fwe": "ruler:match-all"}
    assert load_completed(dataset.settings).revision == dataset.revision


def test_two_sets_are_joined_under_their_names():
    joined = load_sets([parse("ruler:vt,length=1024,questions=1"), parse("sample")])
    assert {example.task for example in joined.examples} > {"ruler:vt", "lara:location"}
    assert joined.measures == {"ruler:vt": "ruler:match-all"}
    assert (joined.name, joined.variant) == ("ruler+sample", "own")


def test_documents_of_two_sets_never_have_one_name():
    joined = load_sets(
        [parse("niah,length=512,depths=2"), parse("needle-threading:single,length=512,questions=2")]
    )
    assert len(joined.documents) == len(joined.asked) == 4
    for example in joined.examples:
        assert joined.documents[example.document_id] is example.document
        assert {piece.document_id for piece in example.gold} == {example.document_id}


def test_parts_of_one_file_are_its_tasks():
    dataset = load_dataset("sample:location")
    assert {example.task for example in dataset.examples} == {"location"}
    assert dataset.revision == load_dataset("sample").revision
