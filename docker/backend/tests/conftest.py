"""What the tests share: an application on a database of its own, and a model's endpoint that says what it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.settings import ModelEndpoint, Settings


@pytest.fixture
def database_path(tmp_path):
    return tmp_path / "data" / "todo.db"


@pytest.fixture
def client(database_path):
    with TestClient(create_app(Settings(database_path=database_path))) as client:
        yield client


class FakeEndpoint:
    """An OpenAI-compatible server on a port of its own; `script` are its answers, one a request."""

    def __init__(self):
        self.script = []
        self.requests = []
        self.release = threading.Event()
        self.asked = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(None)

            def do_POST(self):
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body):
                fake.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                answer = fake.script.pop(0) if len(fake.script) > 1 else fake.script[0]
                status, payload = answer if isinstance(answer, tuple) else (200, answer)
                fake.asked.set()
                if payload == "never":
                    fake.release.wait()
                    return
                data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint():
    fake = FakeEndpoint()
    yield fake
    fake.close()


@pytest.fixture
def chat_client(database_path, endpoint):
    """A client whose application asks the fake endpoint."""
    settings = Settings(
        database_path=database_path,
        chat_seconds=5,
        endpoint=ModelEndpoint(endpoint.url, api_key="sk-very-secret", model="a-model"),
    )
    with TestClient(create_app(settings)) as client:
        yield client


def says(content):
    return {"choices": [{"message": {"role": "assistant", "content": content}}]}


def calls(*tools):
    """A message that calls tools: calls(("add_task", {"title": "milk"}), …)."""
    made = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (name, arguments) in enumerate(tools)
    ]
    return {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": made}}]}
