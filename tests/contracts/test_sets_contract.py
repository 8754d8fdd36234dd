"""Every data set's laws, on rows of two in upstream's layout that were written for these tests."""

import contextlib
import gzip
import inspect
import json
import math
import re
import shutil
import socket
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlc.data.datasets import card_of, load_completed, load_sets, parse
from rlc.data.errors import DataError, MissingExtraError, UsageError
from rlc.data.lazy import load
from rlc.data.sets import SETS
from rlc.data.sets.card import OVERALL, SENSES, Git, Hub
from rlc.data.sets.lara import SAMPLE
from rlc.experiments.scorers.measured import SCORERS, scorer_of

FIXTURES = Path(__file__).parents[1] / "data" / "sets" / "fixtures"
# The smallest settings of what is made here, and files that stand elsewhere.
SETTINGS = {
    "lara": {"root": str(SAMPLE)},
    "beir": {"part": ["longembed-narrativeqa", "coderag-humaneval", "impliret-arithmetic"]},
    "haystackcraft": {"passages": 4},
    "helmet": {"part": ["nq", "json_kv", "msmarco", "narrativeqa"]},
    "holobench": {"length": 1024, "rows": 8, "questions": 2},
    "kitab": {"part": ["starts-with", "word-count"]},
    "lciteeval": {"part": ["hotpotqa", "gov_report", "niah", "counting_stars"]},
    "loft": {"part": ["nq", "quest", "retrieval-nq"]},
    "lveval": {"part": ["hotpotwikiqa_mixup", "factrecall_en", "cmrc_mixup", "dureader_mixup"]},
    "m4le": {"part": ["triviaqa", "wikitext-103", "marc", "arxiv"]},  # one for each scorer
    "manyicl": {"part": ["banking77"]},
    "scbench": {"part": ["scbench_kv", "scbench_choice_eng", "scbench_vt", "scbench_mf"]},
    "hyper-multi-step": {"length": 512, "questions": 2},
    "needlechain": {"length": 5, "questions": 2},
    "needle-threading": {"length": 2048, "questions": 2},
    "needlebench": {"length": 1024, "questions": 4},
    "niah": {"length": 512, "depths": 3},
    "nolima": {"length": 300, "depths": 2},
    "oneruler": {"length": 1024, "questions": 2},
    "ruler": {"length": 4096, "questions": 2, "qa": str(FIXTURES / "ruler" / "squad.json")},
}


def spec(name, **given):
    spec = {"use": name, **SETTINGS.get(name, {}), **given}
    if card_of(name).source is not None and "root" not in spec:
        spec["root"] = str(FIXTURES / name)
    return spec


@cache
def dataset(name):
    return load_sets([spec(name)])


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a test asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


every_set = pytest.mark.parametrize("name", sorted(SETS))


@every_set
def test_the_card_is_complete(name):
    card = card_of(name)
    assert card.name == name
    assert card.title
    assert card.licence
    assert card.language
    assert card.parts
    assert card.overall in OVERALL
    assert card.made == (SETS[name].endswith(":make"))
    assert {part.sense for part in card.parts.values()} <= SENSES.keys()
    assert {part.scorer for part in card.parts.values()} <= {"", *SCORERS}
    if name != "sample":
        assert card.paper
        assert card.bibtex.startswith("@")
    if isinstance(card.source, Git):
        assert re.fullmatch("[0-9a-f]{40}", card.source.commit)
    if isinstance(card.source, Hub):
        assert re.fullmatch("([0-9a-f]{40})?", card.source.revision)


@every_set
def test_every_wording_has_a_place_for_text_and_question(name):
    wordings = [example.wording for example in dataset(name).examples if example.wording]
    wordings += [part.wording for part in card_of(name).parts.values() if part.wording]
    assert all("{text}" in one.before for one in wordings)
    assert all("{question}" in one.after for one in wordings) or name in (
        "infinitebench",
        "longbench",
        "loogle",
    )  # summaries
    assert all(one.max_tokens > 0 for one in wordings)


@every_set
def test_ids_are_unique_and_equal_texts_are_one_document(name):
    examples = dataset(name).examples
    assert examples
    assert len({example.id for example in examples}) == len(examples)
    objects = {}
    for example in examples:
        text = example.document.page_content
        assert text.strip()
        assert objects.setdefault((example.task, text), example.document) is example.document
        assert dataset(name).documents[example.document_id] == example.document


@every_set
def test_spans_stand_in_the_text(name):
    for example in dataset(name).examples:
        text = example.document.page_content
        for piece in example.gold:
            assert piece.document_id == example.document_id
            assert text[piece.start : piece.end].strip()
        marks = example.document.metadata.get("passages", ())
        assert all(0 <= start < end <= len(text) for start, end in marks)


@every_set
def test_every_task_has_its_measure_and_every_answer_is_text(name):
    whole = dataset(name)
    assert set(whole.measures.values()) <= set(SCORERS)
    assert set(whole.measures) <= {example.task for example in whole.examples}
    assert all(isinstance(answer, str) for example in whole.examples for answer in example.answers)


@every_set
@settings(max_examples=15)
@given(text=st.text())
def test_its_scorers_take_any_answer(name, text):
    whole = dataset(name)
    for example in whole.examples[:40]:
        measure = whole.measures.get(example.task)
        for prediction in (text, *example.answers[:1]) if measure else ():
            try:
                measured = scorer_of(measure)(prediction, example)
            except MissingExtraError:  # Chinese words and ROUGE-L are an extra
                continue
            assert 0 <= measured.value <= 1
            assert all(math.isfinite(part) for part in measured.parts.values())


@every_set
def test_it_is_the_same_again_and_another_with_other_settings(name):
    whole = dataset(name)
    assert load_completed(whole.settings).revision == whole.revision
    if card_of(name).made:
        changed = [spec(name, seed=1)]
        changed += (
            [spec(name, questions=3)] if "questions" in inspect.signature(load(SETS[name])).parameters else []
        )
        assert len({load_sets([one]).revision for one in changed} | {whole.revision}) == 1 + len(changed)


@every_set
def test_what_is_not_here_says_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("RLC_CACHE", str(tmp_path))
    if card_of(name).source is not None and name != "lara":
        with pytest.raises(DataError, match=f"not on this machine.*rlc fetch dataset {name}"):
            load_sets([parse(name)])


@every_set
def test_unknown_parts_are_told(name):
    with pytest.raises(UsageError, match="no part 'nonsense'"):
        load_sets([spec(name, part=["nonsense"])])


FETCHED = sorted(name for name in SETS if card_of(name).source is not None and name != "lara")
every_fetched_set = pytest.mark.parametrize("name", FETCHED)
GOLD = {
    "answer",
    "answers",
    "outputs",
    "output",
    "target",
    "Test Target",
    "mapped_books",
    "error",
    "gt",
    "answer_nl",
    "qa_pairs",
}


def texts_of(folder):
    """The JSON files of a fixture, unpacked, by path."""
    for path in sorted(folder.rglob("*.json*")):
        raw = path.read_bytes()
        yield path, (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@every_fetched_set
def test_a_file_that_breaks_off_is_named(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder)
    broken = [path for path, text in texts_of(folder) if not write(path, text.rstrip()[:-1])]
    if broken:
        with pytest.raises(DataError, match="|".join(re.escape(path.name) for path in broken)) as caught:
            load_sets([spec(name, root=str(folder))])
        assert re.search(r"line \d+|not JSON|damaged|expected", str(caught.value))


@every_fetched_set
@pytest.mark.parametrize("gold", [3, None, {"a": 1}, [1, [2]], []], ids=str)
def test_gold_answers_of_any_type_are_text_or_one_message(name, gold, tmp_path):
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder)
    for path, text in texts_of(folder):
        whole = path.suffix == ".json" and text.lstrip()[:1] in "[{" and "\n{" not in text.lstrip("[{ \n")
        rows = json.loads(text) if whole else [json.loads(line) for line in text.splitlines() if line.strip()]
        changed = exchanged(rows, gold)
        write(path, json.dumps(changed) if whole else "\n".join(map(json.dumps, changed)))
    with contextlib.suppress(DataError, UsageError):  # one message; anything else is a traceback
        examples = load_sets([spec(name, root=str(folder))]).examples
        assert all(isinstance(answer, str) for example in examples for answer in example.answers)


@pytest.mark.parametrize(
    "scorer",
    sorted(
        name
        for name in SCORERS
        if "zh" in name and "retrieval" not in name and not name.startswith("infinitebench")
    ),
)
def test_chinese_without_jieba_says_what_to_install(scorer, monkeypatch, make_example):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(MissingExtraError, match=r"jieba is not installed: pip install"):
        scorer_of(scorer)("北京", make_example("q", answers=("北京",)))


def exchanged(value, gold):
    """Plain data with another value under every key of a gold answer."""
    if isinstance(value, dict):
        return {key: gold if key in GOLD else exchanged(inner, gold) for key, inner in value.items()}
    return [exchanged(inner, gold) for inner in value] if isinstance(value, list) else value
