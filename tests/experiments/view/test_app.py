"""The pages over HTTP, in this process."""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from rlc.data.errors import UsageError
from rlc.experiments.runs.human import FILE, HumanVerdict, read_verdicts
from rlc.experiments.view import app as view
from rlc.experiments.view.app import HERE, STATIC, listen, make_app
from rlc.experiments.view.pages import SECTIONS
from rlc.experiments.view.shelf import Shelf

ADDRESS = "http://127.0.0.1:8420"
BEGINS = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
SCRIPT = re.compile(r"<script(?! src=\"/static/view\.js\" defer>)|<img|\son\w+=")


@pytest.fixture
def client(shelf):
    with TestClient(make_app(shelf), base_url=ADDRESS, follow_redirects=False) as found:
        yield found


@pytest.fixture
def at(run):
    return f"/run/{run.id}"


@pytest.fixture
def asked(shelf, run):
    """The ids of the questions by what they begin with."""
    examples = shelf.study(run).asked_in("example_id", "question")
    return {text[:15]: id_ for id_, text in examples.iter_rows()}


def test_the_runs_and_their_filters(client, run):
    page = client.get("/").text
    assert run.id in page
    assert "finished" in page
    assert run.id in client.get("/", params={"data": "mine", "reader": "long", "state": "finished"}).text
    for other in (
        {"data": "lara"},
        {"model": "gpt-9"},
        {"reader": "auto"},
        {"state": "going on"},
        {"text": "zebra"},
    ):
        assert "None of 1 runs is like that" in client.get("/", params=other).text


def test_the_arms_stand_as_in_the_report(client, at, run):
    page = client.get(at).text
    assert '<th scope="row">rag</th>' in page
    for one in run.summaries:
        assert f"{100 * one['accuracy']['value']:.1f}%" in page


def test_questions_are_found_by_verdict_and_by_word(client, at):
    def shown(**wanted):
        return re.findall(r"(\d+) questions?<", client.get(f"{at}/questions", params=wanted).text)[0]

    assert shown() == "4"
    assert shown(verdict="rag") == "1"
    assert shown(verdict="long") == "2"
    assert shown(text="great mill") == "1"
    assert shown(verdict="rag", text="great mill") == "0"


def test_a_question_with_answers_reasons_gold_and_evidence(client, at, asked):
    page = client.get(f"{at}/question", params={"id": asked["When was the gr"]}).text
    for text in ("In 1899.", "In 1902.", "Gold answer:</b> 1902", "verdict right", "verdict wrong"):
        assert text in page
    assert "<mark>1902</mark>" in page  # far behind in the document, and shown at once
    assert "The lamp was lit" not in page.split('id="document"')[1]
    read = client.get(f"{at}/question", params={"id": asked["Who keeps the l"], "read": "rag"}).text
    assert "<ins>" in read.split('id="document"')[1]
    assert client.get(f"{at}/question", params={"id": "none"}).status_code == 400
    for place in ("9" * 5000, "²", "-1"):
        far = client.get(f"{at}/question", params={"id": asked["When was the gr"], "at": place})
        assert far.status_code == 200


def test_no_answer_question_or_document_becomes_markup(client, at, asked):
    pages = [client.get(f"{at}/question", params={"id": id_}) for id_ in asked.values()]
    pages += [
        client.get(f"{at}/questions"),
        client.get(f"{at}/questions", params={"text": '"><script>alert(1)</script>'}),
    ]
    pages += [client.get("/", params={"text": '"><img src=x>'}), client.get("/run/<img src=x>")]
    assert sum("document.title" in page.text for page in pages) >= 4  # it is shown
    for page in pages:
        assert SCRIPT.search(re.sub(r">[^<]*<", "><", page.text)) is None
        assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_report_is_a_page_with_its_exports(client, at, section):
    page = client.get(f"{at}/report/{section}")
    assert page.status_code == 200
    links = re.findall(rf'href="({at}/(?:table|plot)/[^"]+)"', page.text)
    assert len(links) == len(set(links))
    for link in links:
        reply = client.get(link)
        assert reply.status_code == 200, link
        assert reply.content, link
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.content.startswith(BEGINS.get(link.rpartition("/")[2], b"")), link


def test_the_same_plot_is_the_same_bytes(client, at):
    for kind in ("svg", "pdf"):
        client.get(f"{at}/report/cost-accuracy")
        link = f"{at}/plot/cost-accuracy/cost-accuracy/{kind}"
        assert client.get(link).content == client.get(link).content


def test_human_verdicts_are_kept_beside_the_run_and_shown_again(client, at, run, asked):
    id_ = asked["When was the gr"]
    form = {
        "example_id": id_,
        "reader": "rag",
        "right": "no",
        "note": "1899 <b>",
        "back": f"id={quote(id_)}&read=rag",
    }
    reply = client.post(f"{at}/verdict", data=form, headers={"Origin": ADDRESS})
    assert (reply.status_code, reply.headers["location"]) == (
        303,
        f"{at}/question?id={quote(id_, safe='')}&read=rag",
    )
    assert read_verdicts(run.folder) == {(id_, "rag"): HumanVerdict("no", "1899 <b>")}
    assert "1899 &lt;b&gt;" in client.get(reply.headers["location"]).text
    assert "human verdict" in client.get(f"{at}/questions").text
    client.post(f"{at}/verdict", data=form | {"right": ""}, headers={"Origin": ADDRESS})
    assert read_verdicts(run.folder) == {}
    (run.folder / FILE).unlink()


def test_a_broken_file_of_verdicts_leaves_the_questions_in_sight(client, at, run, asked):
    (run.folder / FILE).write_text("id,said\n1,yes\n")
    id_ = asked["When was the gr"]
    for page in (f"{at}/questions", f"{at}/question?id={quote(id_)}"):
        reply = client.get(page)
        assert reply.status_code == 200, page
        assert "When was the gr" in reply.text
        assert "expected the columns example_id, reader, right, note, got id, said" in reply.text
    form = {"example_id": id_, "reader": "rag", "right": "no", "note": "", "back": ""}
    assert client.post(f"{at}/verdict", data=form, headers={"Origin": ADDRESS}).status_code >= 400
    assert (run.folder / FILE).read_text() == "id,said\n1,yes\n", "it is left as it is"
    (run.folder / FILE).unlink()
    assert "cannot be shown" not in client.get(f"{at}/questions").text


def test_a_verdict_comes_from_a_page_of_ours_alone(client, at, run, asked):
    form = {"example_id": asked["When was the gr"], "reader": "rag", "right": "no", "note": "", "back": ""}
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
    ):
        assert client.post(f"{at}/verdict", data=form, headers=headers).status_code == 400
    for wrong in ({"reader": "../x"}, {"example_id": "x"}, {"right": "perhaps"}, {"note": "x" * 20_000}):
        assert client.post(f"{at}/verdict", data=form | wrong, headers={"Origin": ADDRESS}).status_code == 400
    assert client.get(f"{at}/verdict").status_code == 405
    assert not (run.folder / FILE).exists()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_another_hosts_name_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:8420"}).status_code == 200


@pytest.mark.parametrize("name", ["%2e%2e", "..%2f..%2fetc%2fpasswd", "/etc", "answers.sqlite"])
def test_no_part_of_an_address_becomes_a_path(client, at, name):
    for address in (
        f"/run/{name}",
        f"/static/{name}",
        f"{at}/report/{name}",
        f"{at}/table/{name}/0/csv",
        f"{at}/plot/costs/{name}/svg",
        f"{at}/table/arms/0/{name}",
    ):
        reply = client.get(address)
        assert reply.status_code in (400, 404), address
        assert "root:" not in reply.text


def test_nothing_is_written_but_verdicts(client, at, folder, asked):
    def all_files():
        return {
            file: file.read_bytes()
            for file in folder.rglob("*")
            if file.is_file() and "sqlite" not in file.name
        }

    before = all_files()
    for address in ("/", at, f"{at}/questions", f"{at}/what-if", *(f"{at}/report/{one}" for one in SECTIONS)):
        client.get(address)
    client.get(f"{at}/question", params={"id": asked["Who keeps the l"]})
    assert all_files() == before


def test_it_listens_on_this_machine_only():
    with listen(0) as place:
        assert place.getsockname()[0] == HERE == "127.0.0.1"
        with pytest.raises(UsageError, match=r"port \d+ cannot be had .*--port"):
            listen(place.getsockname()[1])


def test_pages_load_nothing_from_elsewhere(client, at, asked):
    texts = [client.get(f"/static/{file}").text for file in STATIC]
    texts += [
        client.get(address).text
        for address in ("/", at, f"{at}/questions", f"{at}/what-if", f"{at}/report/answer")
    ]
    for text in texts:
        assert not re.search(
            r"(?:src|href|action)=\"(?:https?:)?//|url\(|@import|import\(|https?://(?!www\.w3\.org)", text
        )
    script = (Path(view.__file__).parent / "templates" / "view.js").read_text()
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_a_run_without_a_price_to_try_says_so(client, at):
    assert "No router of this run keeps an expected gain" in client.get(f"{at}/what-if").text


def test_runs_that_are_not_there_are_named(folder, tmp_path):
    with pytest.raises(UsageError, match="no run 'x'"):
        Shelf(folder / "runs", ["x"])
    with TestClient(make_app(Shelf(tmp_path)), base_url=ADDRESS) as client:
        assert "holds no runs" in client.get("/").text


@pytest.mark.parametrize("file", ["summary.json", "provenance.json", "recipe.json", "results.parquet"])
def test_a_run_with_a_broken_file_says_which_and_what_to_do(run, tmp_path, file):
    copied = shutil.copytree(run.folder, tmp_path / "runs" / "broken")
    (copied / file).write_text('["x"]')
    with TestClient(make_app(Shelf(tmp_path / "runs")), base_url=ADDRESS) as client:
        assert "broken" in client.get("/").text
        for page in ("", "/questions", "/report/answer"):
            refused = client.get(f"/run/broken{page}")
            assert refused.status_code == 500
            assert "Not possible" in refused.text
            assert "rlc compare" in refused.text or file in refused.text
