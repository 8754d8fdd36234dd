"""The pages in a browser, clicked through from the first to the last."""

import pytest

from rlc.experiments.runs.human import FILE, HumanVerdict, read_verdicts

pytestmark = pytest.mark.slow

WIDTHS = ((1200, "light"), (1200, "dark"), (390, "light"), (390, "dark"))


@pytest.fixture
def address(serve, shelf):
    """Where the pages are."""
    return serve(shelf)


def click(page, text):
    """Follow a link, press a button or open what has this text."""
    found = page.run(
        f"""(() => {{
            const one = [...document.querySelectorAll("a, button, summary")].find((one) => one.innerText.trim() === {text!r});
            if (one) one.click();
            return !!one;
        }})()"""
    )
    assert found, f"nothing is called {text!r}: {page.run('document.body.innerText')}"


def put(page, selector, value):
    """Give a field a value as a person does."""
    page.run(
        f"""(() => {{
            const one = document.querySelector({selector!r});
            one.value = {value!r};
            one.dispatchEvent(new Event("input", {{ bubbles: true }}));
        }})()"""
    )


def test_a_sitting(page, address, run, shelf):
    page.call("Runtime.enable")
    page.shows(address, "Runs", run.id, "finished")

    # Filters act at once, and the address holds them.
    put(page, "[name=text]", "zebra")
    page.comes("None of 1 runs is like that")
    assert page.run("location.search") == "?text=zebra"
    put(page, "[name=text]", "")
    page.comes(run.id)

    # A run: its arms, and what it says, which comes later.
    click(page, run.id)
    page.comes("rag", "long", "prompt tokens", "The answer", "In prompt tokens, a question cost")

    # Its questions: only those that long context alone has right.
    click(page, "Questions")
    page.comes("4 questions")
    put(page, "[name=verdict]", "long")
    page.comes("2 questions")
    put(page, "[name=text]", "great")
    page.comes("1 question")
    assert page.run("location.search") == "?verdict=long&text=great"
    click(page, "When was the great mill closed?")
    page.comes("In 1899.", "In 1902.", "1 of 1", "gold evidence")
    assert page.run("document.querySelector('#document .text mark').innerText") == "1902"
    click(page, "what it read, in the document")
    page.comes("read by rag")
    assert page.run("document.querySelector('#document .text ins') !== null")

    # A human verdict stays, without the page being loaded anew, and is there again when it is.
    page.run("window.still = 1")
    page.run("document.querySelector('#card-0 [value=no]').click()")
    put(page, "#card-0 [name=note]", "off by <i>three</i>")
    click(page, "Keep")
    page.comes("kept: wrong")
    assert page.run("window.still") == 1
    [(place, human)] = read_verdicts(run.folder).items()
    assert (place[1], human) == ("rag", HumanVerdict("no", "off by <i>three</i>"))
    page.call("Page.reload")
    page.comes("kept: wrong")
    assert page.run("document.querySelector('#card-0 [name=note]').value") == "off by <i>three</i>"
    (run.folder / FILE).unlink()

    # All other pages, and a way back.
    click(page, "← all 1")
    page.comes("1 question")
    for tab, text in (
        ("What if", "so no price can be tried"),
        ("Task and length", "By task, length and text type"),
        ("Differences", "Paired differences"),
        ("Cost and accuracy", "Pareto front"),
        ("Settings", "Settings of every reader"),
        ("Paper's table", "Right answers"),
    ):
        click(page, tab)
        page.comes(text)
    click(page, "Runs")
    page.comes(run.id)

    # Nothing in the run became a script, and nothing was refused or broke.
    assert page.run("document.title") == "Runs"
    assert [one for one in page.events if one.get("method") == "Runtime.exceptionThrown"] == []


def test_every_page_fits_every_width(page, address, run, shelf):
    example_id = shelf.study(run).examples["example_id"][0]
    for place in (
        "",
        f"/run/{run.id}",
        f"/run/{run.id}/questions",
        f"/run/{run.id}/question?id={example_id}",
        f"/run/{run.id}/report/groups",
    ):
        for width, scheme in WIDTHS:
            page.looks(width, scheme)
            page.shows(f"{address}{place}", run.id)
            assert page.run("document.documentElement.scrollWidth") <= width, (place, width)
            paper = page.run("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(255, 255, 255)") == (scheme == "light"), (place, scheme)
