import pytest

from rlc.data.text.script import looks_english, scripts

TEXTS = {
    "The light at Sand Point was built in 1871 by Ada Lowe, an engineer who came from the next valley, and it was "
    "moved to the harbour when the old pier had been taken down by the storm.": True,
    "Das Licht am Sandkap wurde 1871 von Ada Lowe gebaut, einer Ingenieurin aus dem nächsten Tal, und es wurde zum Hafen "
    "versetzt, als der alte Steg vom Sturm zerstört worden war.": False,
    "La lumière de la pointe fut construite en 1871 par Ada Lowe, une ingénieure venue de la vallée voisine, et elle fut "
    "déplacée vers le port quand la vieille jetée fut emportée par la tempête.": False,
    "灯塔由艾达·洛于一八七一年建造。": False,
    "Маяк построила Ада Лоу в 1871 году.": False,
    "12 345": True,
}


@pytest.mark.parametrize(("text", "english"), TEXTS.items())
def test_what_may_be_english(text, english):
    assert looks_english(text) is english


def test_scripts_by_share():
    assert scripts("abc 灯塔") == {"Latin": pytest.approx(0.6), "Han": pytest.approx(0.4)}
    assert scripts("") == {}
