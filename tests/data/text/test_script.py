import pytest

from rlc.data.text.script import looks_english, scripts

TEXTS = {
    "The light at Sand Point was built in 1871 by Ada Lowe, an engineer who came from the next valley, and it was "
    "moved to the harbour when the old pier had been taken down by the storm.": True,
    "Das Licht am Sandkap wurde 1871 von Ada Lowe gebaut, einer Ingenieurin aus dem nächsten Tal, und es wurde zum Hafen "
    "versetzt, als der alte Steg vom Sturm zerstört worden war.": False,
    "La lumière de la pointe fut construite en 1871 par Ada Lowe, une ingénieure venue de la vallée voisine, et elle fut "
    "déplacée vers le port quand la vieille jetée fut emportée par la tempête.": False,
    "A luz da Ponta foi construída em 1871 por Ada Lowe, uma engenheira do vale ao lado, e as pedras do velho cais, que a "
    "tempestade levou, ainda se acham no fundo do porto.": False,
    "Het licht werd in 1871 gebouwd door Ada Lowe, een ingenieur uit het volgende dal, en is naar de haven verplaatst "
    "toen de storm de oude pier had weggeslagen; niemand weet of het daar nog lang zal staan.": False,
    "WIR HABEN DAS LICHT GEBAUT UND ES STEHT NOCH IMMER AM SANDKAP, ABER DER ALTE STEG IST VOM STURM ZERSTOERT WORDEN, "
    "UND NIEMAND WEISS WARUM.": False,
    # the references and tables of a paper: names and symbols outnumber its words
    "[1] Ada Lowe, Ben Keller, Carl Haas, Dora Moreau, Eva Silva, Fritz Rossi, Gerd Berg, Hana Novak. Lights of"
    " the coast and how they were built. J. Harb. Eng., 1871. [2] Nils Olsen, Otto Pohl, Paul Quint, Rosa "
    "Stein, Tom Ulm, Ida Kraus, Jan Weber, Kai Lindt, Lea Faro, Max Ruiz. On keeping a light that is read from "
    "the sea. Proc. ICLH, 1872. [3] Uwe Voss, Willy Xu, Yan Zeller, Abel Brandt, Cora Dahl, Emil Falk, Greta "
    "Holm. What it costs to keep lamps clean. Optik, Kiel, 1873. x_i = W h_i + b, F_1 = 2 P R / (P + R), L = E "
    "[ y log p ]": True,
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
