from rlc.data.records import Dataset, Document, Example


def test_the_documents_that_are_asked_about():
    one, other, third = (Document(id=name, page_content=name) for name in "abc")
    examples = (Example("1", "?", one), Example("2", "?", one), Example("3", "?", other))
    dataset = Dataset("own", examples, {d.id: d for d in (one, other, third)}, "r")
    assert dataset.asked == {"a", "b"}
    assert dataset.where(lambda example: example.id == "3").asked == {"b"}
