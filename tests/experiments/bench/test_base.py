import pytest

from rlc.data.errors import DataError
from rlc.experiments.bench.base import BenchRecord, peer, race


def test_a_part_has_its_figures_and_what_made_them(tmp_path):
    record = BenchRecord(tmp_path / "bench" / "r.json", peers=["pytest", "no-such-library"])
    record.add("fusion", {"ratio": 12.5})
    [(name, section)] = record.sections().items()
    assert (name, section["ratio"]) == ("fusion", 12.5)
    assert {"date", "git", "python", "machine", "threads"} <= section.keys()
    assert len(section["load_average"]) == 3
    assert "pytest" in section["versions"]
    assert "no-such-library" not in section["versions"]


def test_a_part_replaces_its_own_section_alone(tmp_path):
    record = BenchRecord(tmp_path / "r.json")
    for part, ratio in (("a", 1), ("b", 2), ("a", 3)):
        record.add(part, {"ratio": ratio})
    assert {part: section["ratio"] for part, section in record.sections().items()} == {"a": 3, "b": 2}


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_another_file_is_not_overwritten(tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(DataError, match="name another file, or delete it"):
        BenchRecord(file).add("a", {})
    assert file.read_text() == text


def test_tasks_take_turns_and_the_last_is_ours():
    order = []
    found = race({"theirs": lambda: order.append("t"), "ours": lambda: order.append("o")}, rounds=2)
    assert order == ["t", "o", "o", "t"]
    assert list(found) == ["theirs", "ours"]
    assert found["ours"]["times_ours"] == 1


def test_a_peer_that_is_not_there_is_named():
    with pytest.raises(SystemExit, match="the peer no_such_library is not installed"):
        peer("no_such_library")
