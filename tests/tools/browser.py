"""A browser without a window, driven by the DevTools protocol: what tests of pages share."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest

LONGEST = 120  # seconds; a machine that is busy with other tests is slow
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-port=0", "--window-size=2600,1400",
)  # fmt: skip


def until(found, what):
    """The first true value that `found` gives."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(f"{what}: not within {LONGEST} s")


class Page:
    """A page of a browser; `events` are what it told meanwhile."""

    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.events = []

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (reply := json.loads(self.socket.recv(timeout=LONGEST))).get("id") != number:
            self.events.append(reply)
        return reply["result"]

    def run(self, script):
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)[
            "result"
        ].get("value")

    def shows(self, url, *texts):
        """Open a page and wait until it shows these texts."""
        self.call("Page.navigate", url=url)
        self.comes(*texts)

    def comes(self, *texts):
        """Wait until the page is there whole and shows these texts."""

        def missing():
            shown = self.run("document.readyState === 'complete' ? document.body.innerText : ''") or ""
            return [text for text in texts if text not in shown]

        until(lambda: not missing(), f"{self.run('location.href')} without {missing()}")

    def looks(self, width, scheme="light", height=900):
        """Take another width, in pixels, and light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, file, whole=True):
        """Write what the page shows as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def browsing(folder):
    """A page of a fresh browser, whose profile lies in a folder."""
    from websockets.sync.client import connect

    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        line = next(line for line in process.stderr if "DevTools listening on" in line)
        host = line.split("//")[1].split("/")[0]
        with urllib.request.urlopen(f"http://{host}/json") as reply:
            target = next(one for one in json.load(reply) if one["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Page(socket)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def page(tmp_path):
    """A page of a fresh browser."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    pytest.importorskip("websockets.sync.client")
    with browsing(tmp_path / "browser") as found:
        yield found
