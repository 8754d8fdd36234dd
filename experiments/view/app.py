"""The pages over HTTP: addresses, answers, and who may ask. It listens on this machine only and has no password.

A foreign site that a browser shows can send requests here too: another name for this machine in `Host` is refused (DNS
rebinding), and so is a verdict that does not come from a page of ours. Nothing but a verdict is ever written, and no part of
an address becomes a path.
"""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rlc.data.errors import RlcError, UsageError, unknown
from rlc.experiments.report.pictures import draw
from rlc.experiments.report.render import TEMPLATES as REPORT
from rlc.experiments.report.render import html_environment, inline
from rlc.experiments.report.tables import FORMATS
from rlc.experiments.runs.human import HumanVerdict, give_verdict
from rlc.experiments.view import pages
from rlc.experiments.view.shelf import NothingYetError, Shelf

HERE = "127.0.0.1"
NAMES = (HERE, "localhost")
OWN = Path(__file__).parent / "templates"
STATIC = {
    "report.css": (REPORT, "text/css"),
    "view.css": (OWN, "text/css"),
    "view.js": (OWN, "text/javascript"),
}
KINDS = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}
LONGEST_FORM = 16_000  # bytes of a verdict
HEADERS = {
    # Plots carry styles of their own; scripts are ours alone, and nothing is fetched from elsewhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_app(shelf: Shelf) -> Starlette:
    """The application over these runs."""
    web = _Web(shelf)
    routes = [
        Route("/", web.runs),
        Route("/static/{file}", web.static),
        Route("/run/{run}", web.arms),
        Route("/run/{run}/state", web.state),
        Route("/run/{run}/questions", web.questions),
        Route("/run/{run}/question", web.question),
        Route("/run/{run}/what-if", web.what_if),
        Route("/run/{run}/report/{section}", web.section),
        Route("/run/{run}/table/{section}/{place:int}/{kind}", web.table),
        Route("/run/{run}/plot/{section}/{plot}/{kind}", web.plot),
        Route("/run/{run}/verdict", web.verdict, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(NAMES), www_redirect=False)],
        exception_handlers={RlcError: web.refused, NothingYetError: web.waiting},
    )


class _Web:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.templates = html_environment(OWN)
        self.drawing = threading.Lock()  # matplotlib's settings are the process's

    def page(self, template: str, values: pages.Values, status: int = 200) -> Response:
        text = self.templates.get_template(template).render(values)
        return Response(text, status, HEADERS, "text/html")

    def runs(self, request: Request) -> Response:
        return self.page("runs.html.j2", pages.runs_page(self.shelf, request.query_params))

    def arms(self, request: Request) -> Response:
        return self.of_run("arms.html.j2", request, pages.run_page)

    def state(self, request: Request) -> Response:
        return self.of_run("of_run.html.j2", request, pages.state_page)

    def questions(self, request: Request) -> Response:
        return self.of_run("questions_of.html.j2", request, pages.questions_page)

    def question(self, request: Request) -> Response:
        return self.of_run("question.html.j2", request, pages.question_page)

    def what_if(self, request: Request) -> Response:
        return self.of_run("what_if.html.j2", request, pages.router_page)

    def of_run(self, template: str, request: Request, make: Callable[..., pages.Values]) -> Response:
        run = self.shelf.run(request.path_params["run"])
        return self.page(template, make(self.shelf, run, request.query_params))

    def section(self, request: Request) -> Response:
        run, key = self.shelf.run(request.path_params["run"]), request.path_params["section"]
        values = pages.section_page(self.shelf, run, key)
        plots = values["section"].plots if values["section"] else ()
        drawings = {
            plot.name: inline(plot.name, self.drawn(run, key, plot.name, "svg").decode()) for plot in plots
        }
        return self.page("section.html.j2", {**values, "drawings": drawings, "kinds": KINDS})

    def drawn(self, run: Any, key: str, plot: str, kind: str) -> bytes:  # noqa: ANN401
        def make(_study: object) -> bytes:
            with self.drawing:
                return draw(pages.plot_of(self.shelf, run, key, plot), kind)[0]

        return self.shelf.made(run, f"{key}/{plot}.{kind}", make)

    def table(self, request: Request) -> Response:
        run, asked = self.shelf.run(request.path_params["run"]), request.path_params
        if asked["kind"] not in FORMATS:
            raise UsageError(unknown("format", asked["kind"], FORMATS))
        made = pages.table_of(self.shelf, run, asked["section"], asked["place"])
        media, write, ending = FORMATS[asked["kind"]]
        return _file(write(made).encode(), media, f"{run.id}-{asked['section']}.{ending}")

    def plot(self, request: Request) -> Response:
        run, asked = self.shelf.run(request.path_params["run"]), request.path_params
        if asked["kind"] not in KINDS:
            raise UsageError(unknown("format", asked["kind"], KINDS))
        data = self.drawn(run, asked["section"], asked["plot"], asked["kind"])
        return _file(data, KINDS[asked["kind"]], f"{run.id}-{asked['plot']}.{asked['kind']}")

    def static(self, request: Request) -> Response:
        file = request.path_params["file"]
        if file not in STATIC:
            raise UsageError(unknown("file", file, STATIC))
        folder, media = STATIC[file]
        return Response((folder / file).read_bytes(), 200, HEADERS, media)

    async def verdict(self, request: Request) -> Response:
        if request.headers.get("origin") != f"http://{request.headers.get('host')}":
            raise UsageError("a verdict is taken from a page of rlc view alone")
        form = await _form(request)
        name = request.path_params["run"]
        await run_in_threadpool(self.keep, name, form)
        back = urlencode(parse_qsl(form.get("back", "")))
        return RedirectResponse(f"/run/{quote(name)}/question?{back}", 303)

    def keep(self, name: str, form: dict[str, str]) -> None:
        run = self.shelf.run(name)
        study = self.shelf.study(run)
        id_, reader = form.get("example_id", ""), form.get("reader", "")
        if id_ not in study.places or reader not in study.run.table.readers:
            raise UsageError(f"no answer of {reader!r} to {id_!r} in {name}")
        with self.shelf.alone:
            give_verdict(run.folder, id_, reader, HumanVerdict(form.get("right", ""), form.get("note", "")))

    def waiting(self, request: Request, _error: Exception) -> Response:
        run = self.shelf.run(request.path_params["run"])
        return self.page("waiting.html.j2", {"run": run})

    def refused(self, _request: Request, error: Exception) -> Response:
        status = 400 if isinstance(error, UsageError) else 500
        return self.page("error.html.j2", {"message": str(error)}, status)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            raise UsageError(f"a verdict takes at most {LONGEST_FORM:,} bytes")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _file(data: bytes, media: str, name: str) -> Response:
    return Response(
        data, 200, {**HEADERS, "Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}, media
    )


def listen(port: int) -> socket.socket:
    """A place on this machine where the pages can be asked for; port 0 takes any that is free.

    Raises:
        UsageError: if the port is taken.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((HERE, port))
        place.listen()
    except OSError as error:
        place.close()
        raise UsageError(
            f"port {port} cannot be had ({error}); give another with --port, 0 for any"
        ) from error
    return place


def serve(shelf: Shelf, place: socket.socket) -> None:
    """Show the pages until the process is interrupted."""
    import uvicorn

    config = uvicorn.Config(
        make_app(shelf),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run([place])
