"""A server on loopback that plays replies, whatever protocol they are of."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Plays `replies` in order (the last one for ever): (status, headers, body), or a function of the request."""

    daemon_threads = True

    def __init__(self, *replies, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.replies = list(replies)
        self.requests = []
        self.listed = 404, {}, "{}"
        self.told = {}  # replies to GET by path, before `listed`
        self.lock = threading.Lock()

    def next_reply(self, path, headers, body):
        with self.lock:
            self.requests.append((path, headers, body))
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(self.server.told.get(self.path, self.server.listed))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server.next_reply(self.path, self.headers, body)
        self.reply(reply(body) if callable(reply) else reply)

    def reply(self, reply):
        status, headers, content = reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(*replies, port=0):
    server = Server(*replies, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def letters(body):
    """Vectors of letters as `/embeddings` sends them, or lengths as `/rerank` does."""
    if "input" in body:
        counts = [[text.count(letter) + 1 for letter in "aen "] for text in body["input"]]
        data = [{"index": i, "embedding": row} for i, row in enumerate(counts)][::-1]
        said = {"data": data, "usage": {"total_tokens": sum(map(len, body["input"]))}}
    else:
        texts = body.get("documents", body.get("texts"))
        name = "relevance_score" if "documents" in body else "score"
        found = [{"index": i, name: float(len(text))} for i, text in enumerate(texts)]
        found.sort(key=lambda one: -one[name])
        said = {"results": found} if "documents" in body else found
    return 200, {}, json.dumps(said)
