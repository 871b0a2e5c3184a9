"""The chat without a language model: it does what was said and says that it is the fallback."""

import pytest


@pytest.fixture
def say(client):
    def say(message):
        answer = client.post("/api/chat", json={"message": message})
        assert answer.status_code == 200
        return answer.json()

    return say


@pytest.fixture
def tasks(client):
    return lambda: [(t["id"], t["title"], t["done"]) for t in client.get("/api/tasks").json()["tasks"]]


def test_it_says_that_it_is_the_fallback(client, say):
    answer = say("add buy milk")
    assert (answer["engine"], answer["fallback"]) == ("rules", "not_configured")
    assert "No language model is configured" in answer["notice"] and "rules" in answer["notice"]
    assert client.get("/api/chat").json() == {"engine": "rules", "model": None}


def test_a_day_with_a_list(say, tasks):
    assert "“buy milk” (#1)" in say("add buy milk")["reply"]
    say("remind me to call Bob")
    say("add tasks: water plants and pay rent")
    assert say("what is left?")["reply"].startswith("You have 4 open tasks:\n• #1 buy milk")

    say("I finished water plants")
    say("rename 1 to buy oat milk")
    say("complete 2 and 4")
    say("reopen call Bob")
    assert "Deleted 2 done tasks." in say("delete completed tasks")["reply"]
    assert tasks() == [(1, "buy oat milk", False), (2, "call Bob", False)]


def test_what_was_done_is_listed_as_actions(say):
    actions = say("add tasks: one, two")["actions"]
    assert [(action["kind"], action["task"]["title"]) for action in actions] == [("added", "one"), ("added", "two")]
    assert say("list")["actions"] == []
    assert [action["kind"] for action in say("rename one to three")["actions"]] == ["renamed"]


def test_a_part_of_a_title_is_enough_if_it_is_the_only_one(say, tasks):
    say("add buy milk")
    say("add buy bread")
    assert say("complete buy")["reply"] == "Which one? “buy milk” (#1), “buy bread” (#2)"
    say("complete BREAD")
    assert tasks() == [(1, "buy milk", False), (2, "buy bread", True)]
    say("complete buy")
    assert tasks() == [(1, "buy milk", True), (2, "buy bread", True)]


def test_the_last_and_the_first_are_understood(say, tasks):
    say("add tasks: one, two, three")
    say("delete the last one")
    say("complete the first task")
    assert tasks() == [(1, "one", True), (2, "two", False)]


@pytest.mark.parametrize("message", ["complete 9", "delete nonsense", "rename 9 to x", "reopen 9", "complete it"])
def test_what_is_not_there_is_said_and_nothing_changes(say, message):
    answer = say(message)
    assert answer["actions"] == []
    assert "no task" in answer["reply"]


def test_one_wrong_number_does_not_stop_the_others(say, tasks):
    say("add tasks: one, two")
    assert "no task #7" in say("delete 1, 7 and 2")["reply"]
    assert tasks() == []


def test_everything_is_deleted_only_after_a_yes(say, tasks):
    say("add tasks: one, two")
    assert "yes, delete all tasks" in say("delete all tasks")["reply"]
    assert len(tasks()) == 2
    say("yes, delete all tasks")
    assert tasks() == []


def test_a_title_too_long_is_explained(say, tasks):
    assert "at most 200" in say("add " + "x" * 300)["reply"]
    assert tasks() == []


def test_what_is_not_understood_is_said_with_examples(say):
    reply = say("the weather is nice")["reply"]
    assert reply.startswith("I did not understand") and "add buy milk" in reply


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "  "},
        {"message": "x" * 2001},
        {"message": "hi", "history": [{"role": "system", "content": "x"}]},
        {"message": "hi", "history": [{"role": "user", "content": "x"}] * 21},
    ],
)
def test_a_message_that_is_none_is_refused(client, body):
    answer = client.post("/api/chat", json=body)
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "invalid_request"
