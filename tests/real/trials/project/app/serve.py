"""Keeps a note on the volume: GET returns it, PUT replaces it."""

import http.server
import pathlib
import signal
import sys

VERSION = "one"
NOTE = pathlib.Path("/data/note")


class Shelf(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(NOTE.read_bytes() if NOTE.exists() else b"")

    def do_PUT(self):
        NOTE.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("version", VERSION)
http.server.ThreadingHTTPServer(("", 8000), Shelf).serve_forever()
