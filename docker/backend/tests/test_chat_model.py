"""The chat with a language model: tools do what they say, and every way to fail ends at the rules."""

import logging
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from app.api import create_app
from app.chat.model import CALLS_PER_STEP, STEPS
from app.settings import ModelEndpoint, Settings

from .conftest import calls, says


def say(client, message, history=()):
    answer = client.post("/api/chat", json={"message": message, "history": list(history)})
    assert answer.status_code == 200
    return answer.json()


def tasks(client):
    return [(task["title"], task["done"]) for task in client.get("/api/tasks").json()["tasks"]]


def results(endpoint, request=-1):
    return [m["content"] for m in endpoint.requests[request]["body"]["messages"] if m["role"] == "tool"]


def test_a_tool_call_changes_the_list_and_the_model_has_the_last_word(chat_client, endpoint):
    endpoint.script = [calls(("add_task", {"title": "buy milk"})), says("It is on your list.")]
    answer = say(chat_client, "milk please")
    assert answer["reply"] == "It is on your list."
    assert (answer["engine"], answer["fallback"], answer["notice"]) == ("model", None, None)
    assert [action["kind"] for action in answer["actions"]] == ["added"]
    assert tasks(chat_client) == [("buy milk", False)]


def test_every_tool_works(chat_client, endpoint):
    endpoint.script = [
        calls(("add_task", {"title": "one"}), ("add_task", {"title": "two"}), ("add_task", {"title": "three"})),
        calls(("complete_task", {"id": 1}), ("rename_task", {"id": 2, "title": "zwei"}), ("delete_task", {"id": "#3"})),
        calls(("list_tasks", {"status": "open"}), ("reopen_task", {"id": 1})),
        says("Done."),
    ]
    answer = say(chat_client, "go")
    assert tasks(chat_client) == [("one", False), ("zwei", False)]
    kinds = [action["kind"] for action in answer["actions"]]
    assert kinds == ["added", "added", "added", "completed", "renamed", "deleted", "reopened"]
    assert '{"tasks": [{"id": 2, "title": "zwei", "done": false}], "total": 1}' in results(endpoint)


def test_what_the_endpoint_is_sent(chat_client, endpoint):
    endpoint.script = [calls(("list_tasks", {})), says("Nothing.")]
    history = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    say(chat_client, "what is there?", history)
    first, second = (request["body"] for request in endpoint.requests)
    assert endpoint.requests[0]["path"] == "/v1/chat/completions"
    assert endpoint.requests[0]["headers"]["Authorization"] == "Bearer sk-very-secret"
    assert first["model"] == "a-model" and len(first["tools"]) == 6
    assert [m["role"] for m in first["messages"]] == ["system", "user", "assistant", "user"]
    assert [m["role"] for m in second["messages"][-2:]] == ["assistant", "tool"]
    assert second["messages"][-1]["tool_call_id"] == second["messages"][-2]["tool_calls"][0]["id"]


def test_an_endpoint_without_a_key_and_without_a_model_is_asked_which_it_has(database_path, endpoint):
    settings = Settings(database_path=database_path, endpoint=ModelEndpoint(endpoint.url))
    endpoint.script = [
        {"data": [{"id": "nomic-embed-text"}, {"id": "llama3.2"}]},
        says("Hello."),
    ]
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/chat").json() == {"engine": "model", "model": None}
        assert say(client, "hello")["engine"] == "model"
        assert client.get("/api/chat").json() == {"engine": "model", "model": "llama3.2"}
    assert [request["path"] for request in endpoint.requests] == ["/v1/models", "/v1/chat/completions"]
    assert endpoint.requests[1]["body"]["model"] == "llama3.2"
    assert "Authorization" not in endpoint.requests[1]["headers"]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("complete_task", {"id": 99}, "no task #99"),
        ("complete_task", {"id": "x"}, "number"),
        ("complete_task", {"id": True}, "number"),
        ("delete_task", {"id": 10**30}, "no task"),
        ("add_task", {"title": " "}, "blank"),
        ("add_task", {}, "text"),
        ("add_task", "{not json", "not JSON"),
        ("add_task", "[]", "not an object"),
        ("list_tasks", {"status": "late"}, "all, open or done"),
        ("launch_rocket", {}, "no such tool"),
    ],
)
def test_a_wrong_call_is_told_to_the_model(chat_client, endpoint, tool, arguments, told):
    endpoint.script = [calls((tool, arguments)), says("Sorry.")]
    answer = say(chat_client, "x")
    assert answer["engine"] == "model" and answer["actions"] == []
    assert '"error"' in results(endpoint)[0] and told in results(endpoint)[0]


NONSENSE = {
    "no JSON": "<html>",
    "another JSON": [1],
    "no choices": {},
    "empty choices": {"choices": []},
    "no message": {"choices": [{"message": "hi"}]},
    "no content": says(None),
    "blank content": says("  "),
    "content of another type": says([1]),
    "tools of another type": {"choices": [{"message": {"tool_calls": "add"}}]},
    "a tool without a function": {"choices": [{"message": {"tool_calls": [{}]}}]},
    "too many tools": calls(*[("list_tasks", {})] * (CALLS_PER_STEP + 1)),
    "a flood": says("x" * 2_000_000),
}


@pytest.mark.parametrize("answered", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_ends_at_the_rules(chat_client, endpoint, answered):
    endpoint.script = [answered]
    answer = say(chat_client, "add buy milk")
    assert (answer["engine"], answer["fallback"]) == ("rules", "bad_answer")
    assert "made no sense" in answer["notice"]
    assert tasks(chat_client) == [("buy milk", False)]


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
def test_an_http_error_ends_at_the_rules(chat_client, endpoint, status):
    endpoint.script = [(status, {"error": "key sk-very-secret is wrong"})]
    answer = say(chat_client, "add buy milk")
    assert (answer["engine"], answer["fallback"]) == ("rules", "http_error")
    assert f"HTTP {status}" in answer["notice"] and "secret" not in str(answer)
    assert tasks(chat_client) == [("buy milk", False)]


def test_a_silent_endpoint_ends_at_the_rules(database_path, endpoint):
    endpoint.script = ["never"]
    settings = Settings(database_path=database_path, chat_seconds=0.2, endpoint=ModelEndpoint(endpoint.url, model="m"))
    with TestClient(create_app(settings)) as client:
        answer = say(client, "add buy milk")
        assert (answer["engine"], answer["fallback"]) == ("rules", "timeout")
        assert tasks(client) == [("buy milk", False)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "nonsense", "http://[", "http://x y/", "ftp://x"])
def test_an_endpoint_that_is_not_there_ends_at_the_rules(database_path, url):
    settings = Settings(database_path=database_path, endpoint=ModelEndpoint(url, model="m"))
    with TestClient(create_app(settings)) as client:
        answer = say(client, "add buy milk")
        assert (answer["engine"], answer["fallback"]) == ("rules", "unreachable")


def test_an_endpoint_without_models_ends_at_the_rules(database_path, endpoint):
    endpoint.script = [{"data": []}]
    settings = Settings(database_path=database_path, endpoint=ModelEndpoint(endpoint.url))
    with TestClient(create_app(settings)) as client:
        assert say(client, "list")["fallback"] == "no_model"


def test_a_loop_of_tools_ends(chat_client, endpoint):
    endpoint.script = [calls(("list_tasks", {}))]
    answer = say(chat_client, "add buy milk")
    assert (answer["engine"], answer["fallback"]) == ("rules", "too_many_steps")
    assert len(endpoint.requests) == STEPS
    assert tasks(chat_client) == [("buy milk", False)]


def test_what_the_model_did_before_it_failed_is_said_and_not_done_twice(chat_client, endpoint):
    endpoint.script = [calls(("add_task", {"title": "buy milk"})), (500, {})]
    answer = say(chat_client, "add buy milk")
    assert (answer["engine"], answer["fallback"]) == ("rules", "http_error")
    assert "added “buy milk” (#1)" in answer["reply"]
    assert tasks(chat_client) == [("buy milk", False)]


def test_no_secret_is_logged(database_path, endpoint, caplog):
    caplog.set_level(logging.DEBUG, logger="app")
    endpoint.script = [(401, {"error": "sk-very-secret"})]
    configured = Settings(
        database_path=database_path, endpoint=ModelEndpoint(endpoint.url, api_key="sk-very-secret", model="m")
    )
    unsendable = replace(configured, endpoint=ModelEndpoint(endpoint.url, api_key="sk-very-secret\né", model="m"))
    for settings in (configured, unsendable):
        with TestClient(create_app(settings)) as client:
            assert say(client, "list")["engine"] == "rules"
    assert len([record for record in caplog.records if record.name.startswith("app")]) == 2
    assert "sk-very-secret" not in caplog.text
