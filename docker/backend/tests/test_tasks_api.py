"""The tasks' HTTP interface: what it stores, what it refuses, and in which shape."""

import sqlite3

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.limits import BODY_BYTES
from app.settings import Settings


def titles(client, status="all"):
    return [task["title"] for task in client.get("/api/tasks", params={"status": status}).json()["tasks"]]


def add(client, title):
    answer = client.post("/api/tasks", json={"title": title})
    assert answer.status_code == 201
    return answer.json()


def assert_error(answer, status, code):
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"} and set(error) == {"code", "message", "fields"}
    assert error["code"] == code and error["message"]
    return error


def test_a_task_is_added_read_changed_and_deleted(client):
    task = add(client, "buy milk")
    url = f"/api/tasks/{task['id']}"
    assert task["title"] == "buy milk" and task["done"] is False
    assert client.get(url).json() == task

    renamed = client.patch(url, json={"title": "buy oat milk"}).json()
    assert (renamed["title"], renamed["done"]) == ("buy oat milk", False)
    done = client.patch(url, json={"done": True}).json()
    assert (done["title"], done["done"]) == ("buy oat milk", True)
    assert done["created_at"] == task["created_at"]

    assert client.delete(url).status_code == 204
    assert_error(client.get(url), 404, "not_found")


def test_the_answer_to_an_addition_says_where_the_task_is(client):
    answer = client.post("/api/tasks", json={"title": "a"})
    assert client.get(answer.headers["location"]).json() == answer.json()


def test_tasks_are_listed_by_status(client):
    first = add(client, "one")
    add(client, "two")
    client.patch(f"/api/tasks/{first['id']}", json={"done": True})
    assert titles(client) == ["one", "two"]
    assert titles(client, "open") == ["two"]
    assert titles(client, "done") == ["one"]


def test_a_number_is_never_given_twice(client):
    first = add(client, "one")
    client.delete(f"/api/tasks/{first['id']}")
    assert add(client, "two")["id"] > first["id"]


def test_tasks_outlast_the_process(client, database_path):
    add(client, "buy milk")
    client.close()
    with TestClient(create_app(Settings(database_path=database_path))) as later:
        assert titles(later) == ["buy milk"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("  buy \n\t milk  ", "buy milk"),
        ("Ünïcode 🥛 日本", "Ünïcode 🥛 日本"),
        ("<b>\"it's\"</b>; DROP TABLE tasks", "<b>\"it's\"</b>; DROP TABLE tasks"),
        ("a\u0000b\u0007", "ab"),
        ("x" * 200, "x" * 200),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ],
)
def test_a_title_is_one_clean_line(client, given, stored):
    assert add(client, given)["title"] == stored
    assert titles(client) == [stored]


@pytest.mark.parametrize("title", ["", "   ", "\n\t", "\u200b\u200b", "\u0000", "x" * 201, None, 7, ["a"], {}])
def test_a_title_that_is_none_is_refused(client, title):
    error = assert_error(client.post("/api/tasks", json={"title": title}), 422, "invalid_request")
    assert error["fields"][0]["field"] == "title"
    assert titles(client) == []


@pytest.mark.parametrize("body", [{}, {"name": "milk"}, {"title": "milk", "owner": "me"}, [], "milk", None])
def test_a_body_that_is_no_task_is_refused(client, body):
    assert_error(client.post("/api/tasks", json=body), 422, "invalid_request")


@pytest.mark.parametrize("body", [{}, {"title": " "}, {"done": "perhaps"}, {"title": None}, {"id": 9}])
def test_a_change_that_is_none_is_refused(client, body):
    task = add(client, "buy milk")
    assert_error(client.patch(f"/api/tasks/{task['id']}", json=body), 422, "invalid_request")
    assert client.get(f"/api/tasks/{task['id']}").json() == task


@pytest.mark.parametrize("method", ["get", "delete", "patch"])
def test_an_unknown_number_is_not_found(client, method):
    body = {"json": {"done": True}} if method == "patch" else {}
    assert_error(getattr(client, method)("/api/tasks/77", **body), 404, "not_found")


@pytest.mark.parametrize("number", ["0", "-1", "abc", "1.5", "9223372036854775808"])
def test_what_is_no_number_is_refused(client, number):
    assert_error(client.get(f"/api/tasks/{number}"), 422, "invalid_request")


def test_broken_json_is_refused_in_the_same_shape(client):
    for body in (b"{", b"\xff\xfe", b'{"title": "\\ud800"}'):
        headers = {"content-type": "application/json"}
        assert_error(client.post("/api/tasks", content=body, headers=headers), 422, "invalid_request")


def test_a_huge_body_is_refused_with_and_without_an_announced_length(client):
    body = b"x" * (BODY_BYTES + 1)
    assert_error(client.post("/api/tasks", content=body), 413, "too_large")
    assert_error(client.post("/api/tasks", content=(part for part in (body[:9], body[9:]))), 413, "too_large")


def test_an_unknown_path_or_method_answers_in_the_same_shape(client):
    assert_error(client.get("/api/nothing"), 404, "not_found")
    assert_error(client.put("/api/tasks"), 405, "method_not_allowed")


def test_probes(client):
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200


def test_a_database_that_cannot_be_opened_makes_it_unready_but_not_unhealthy(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / "todo.db"
    with TestClient(create_app(Settings(database_path=path))) as client:
        assert client.get("/health").status_code == 200
        assert_error(client.get("/ready"), 503, "database_unavailable")
        assert_error(client.get("/api/tasks"), 503, "database_unavailable")
        assert_error(client.post("/api/chat", json={"message": "add milk"}), 503, "database_unavailable")

        (tmp_path / "file").unlink()
        assert client.get("/ready").status_code == 200
        assert add(client, "buy milk")["title"] == "buy milk"


def test_a_locked_database_is_unavailable_and_recovers(client, database_path):
    add(client, "one")
    other = sqlite3.connect(database_path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert_error(client.post("/api/tasks", json={"title": "two"}), 503, "database_unavailable")
    other.execute("ROLLBACK")
    other.close()
    assert add(client, "three")["title"] == "three"
    assert titles(client) == ["one", "three"]


def test_an_unexpected_error_has_the_same_shape(database_path, monkeypatch):
    monkeypatch.setattr("app.tasks.TaskStore.list", lambda *_: 1 / 0)
    app = create_app(Settings(database_path=database_path))
    with TestClient(app, raise_server_exceptions=False) as client:
        assert_error(client.get("/api/tasks"), 500, "internal")
