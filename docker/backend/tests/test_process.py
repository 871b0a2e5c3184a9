"""The backend as a process: it starts, logs no secret, and is gone less than a second after SIGTERM."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from .conftest import says

STOP_SECONDS = 1.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def backend(tmp_path, **environment):
    port = free_port()
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            env=os.environ
            | {"DATABASE_PATH": str(tmp_path / "todo.db"), "HOST": "127.0.0.1", "PORT": str(port)}
            | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    process.url = f"http://127.0.0.1:{port}"
    process.log_text = log_path.read_text
    try:
        wait_until_ready(process)
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_ready(process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, process.log_text()
        try:
            if httpx.get(process.url + "/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)  # between two questions, not instead of one
    raise AssertionError(f"not ready: {process.log_text()}")


def stop(process):
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=10)
    return code, time.monotonic() - started


def quick(attempt):
    """Whether one of three attempts is quick: the promise is about the program, not about what else the machine does."""
    return any(attempt() < STOP_SECONDS for _ in range(3))


def test_it_stops_at_once_although_connections_are_kept_open(tmp_path):
    assert quick(lambda: stopped_with_connections_kept_open(tmp_path))


def stopped_with_connections_kept_open(tmp_path):
    with backend(tmp_path) as process, httpx.Client(base_url=process.url) as client:
        assert client.post("/api/tasks", json={"title": "buy milk"}).status_code == 201
        host, port = process.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half_a_request:
            half_a_request.sendall(b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
            assert client.get("/health").status_code == 200
            code, seconds = stop(process)
    assert code == 0
    return seconds


def test_a_chat_under_way_is_answered_when_it_stops(tmp_path, endpoint):
    folders = (tmp_path / str(number) for number in range(3))
    assert quick(lambda: stopped_during_a_chat(next(folders), endpoint))


def stopped_during_a_chat(tmp_path, endpoint):
    tmp_path.mkdir()
    endpoint.script = ["never"]
    endpoint.asked.clear()
    variables = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_MODEL": "m"}
    with backend(tmp_path, **variables) as process:
        host, port = process.url.removeprefix("http://").split(":")
        body = json.dumps({"message": "add buy milk"}).encode()
        with socket.create_connection((host, int(port))) as chat:
            chat.settimeout(10)
            chat.sendall(
                b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            assert endpoint.asked.wait(10)
            code, seconds = stop(process)
            answer = b"".join(iter(lambda: chat.recv(65536), b""))
    assert code == 0
    assert answer.startswith(b"HTTP/1.1 200") and b'"fallback":"stopping"' in answer
    with backend(tmp_path) as process:
        assert [t["title"] for t in httpx.get(process.url + "/api/tasks").json()["tasks"]] == ["buy milk"]
    return seconds


def test_sigterm_during_the_start_ends_it(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "app"],
        env=os.environ | {"DATABASE_PATH": str(tmp_path / "todo.db"), "PORT": str(free_port())},
        stderr=subprocess.PIPE,
        text=True,
    )
    next(line for line in process.stderr if "app.settings" in line)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_no_secret_reaches_the_log(tmp_path, endpoint):
    endpoint.script = [says("Hello."), (401, {"error": "sk-very-secret"})]
    variables = {
        "OPENAI_BASE_URL": endpoint.url.replace("//", "//user:pass-word@"),
        "OPENAI_API_KEY": "sk-very-secret",
        "OPENAI_MODEL": "m",
        "LOG_LEVEL": "debug",
    }
    with backend(tmp_path, **variables) as process:
        for engine in ("model", "rules"):
            answer = httpx.post(process.url + "/api/chat", json={"message": "list"}).json()
            assert answer["engine"] == engine
        stop(process)
        log = process.log_text()
    assert "POST /api/chat" in log and "http_error" in log
    assert "/ready" not in log
    assert "sk-very-secret" not in log and "pass-word" not in log


def test_a_wrong_setting_ends_it_with_the_name_of_the_setting(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "app"], env=os.environ | {"PORT": "many"}, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 1
    assert "PORT is not a number" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_stops(tmp_path, sig):
    with backend(tmp_path) as process:
        process.send_signal(sig)
        assert process.wait(timeout=STOP_SECONDS) == 0
