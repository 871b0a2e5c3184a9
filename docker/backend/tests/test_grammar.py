"""Sentences and what they mean without a language model."""

import subprocess
import sys

import pytest

from app.chat.grammar import Intent, task_ids, understand


def intent(verb, target="", *titles, **more):
    return Intent(verb, titles=titles, target=target, **more)


@pytest.mark.parametrize(
    ("sentence", "title"),
    [
        ("add buy milk", "buy milk"),
        ("Add a task to buy milk", "buy milk"),
        ('please add "Buy milk" to my list', "Buy milk"),
        ("Can you add milk to my todo list?", "milk"),
        ("create a new todo called Pay rent", "Pay rent"),
        ("new task: call mom", "call mom"),
        ("remind me to water the plants", "water the plants"),
        ("I need to renew my passport", "renew my passport"),
        ("I’ve got to call Bob!", "call Bob"),
        ("don't let me forget to lock the door", "lock the door"),
        ("todo: fix bike", "fix bike"),
        ("Add a reminder about the meeting at 10:30", "the meeting at 10:30"),
        ("put eggs on the shopping list", "eggs"),
        ("remember to call Bob", "call Bob"),
        ('add "don\'t panic"', "don't panic"),
        ("hey, could you please add a task: finish the report, thanks", "finish the report"),
        ("add delete old photos", "delete old photos"),
        ("I must rename the files to something better", "rename the files to something better"),
    ],
)
def test_adding(sentence, title):
    assert understand(sentence) == intent("add", "", title)


def test_adding_several():
    assert understand("add tasks: milk, eggs and bread") == intent("add", "", "milk", "eggs", "bread")
    assert understand('add "milk" and "eggs"') == intent("add", "", "milk", "eggs")


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("list", "all"),
        ("Show my tasks", "all"),
        ("what's on my list?", "all"),
        ("show me everything", "all"),
        ("check my list", "all"),
        ("What do I have to do today?", "open"),
        ("which tasks are still open", "open"),
        ("how many tasks are left?", "open"),
        ("list the tasks that are not done", "open"),
        ("list all my unfinished tasks", "open"),
        ("show completed tasks", "done"),
        ("what have I done?", "done"),
        ("what did I finish?", "done"),
    ],
)
def test_listing(sentence, status):
    assert understand(sentence) == intent("list", status=status)


@pytest.mark.parametrize(
    ("sentence", "target"),
    [
        ("complete task 3", "3"),
        ("mark 3 as done", "3"),
        ('mark "buy milk" as complete', "buy milk"),
        ("mark task 2 done please", "2"),
        ("set task 2 to done", "2"),
        ("I've finished the report", "report"),
        ("done 3", "3"),
        ("#3 is done", "#3"),
        ("buy milk is done!", "buy milk"),
        ("check off milk", "milk"),
        ("tick buy milk off my list", "buy milk"),
        ("complete 1, 2 and 3", "1, 2 and 3"),
        ("Complete the last one", "last one"),
    ],
)
def test_completing(sentence, target):
    assert understand(sentence) == intent("complete", target)


@pytest.mark.parametrize(
    ("sentence", "target"),
    [
        ("reopen 3", "3"),
        ("mark task 3 as not done", "3"),
        ("uncheck buy milk", "buy milk"),
        ("buy milk isn't done yet", "buy milk"),
        ("undo 2", "2"),
    ],
)
def test_reopening(sentence, target):
    assert understand(sentence) == intent("reopen", target)


@pytest.mark.parametrize(
    ("sentence", "target"),
    [
        ("delete 3", "3"),
        ("remove buy milk from my list", "buy milk"),
        ("delete the task buy milk", "buy milk"),
        ("Delete task 'Buy milk'.", "Buy milk"),
        ("could you please remove task 5?", "5"),
        ("get rid of the last one", "last one"),
        ("cancel the dentist appointment", "dentist appointment"),
        ("I want to delete 3", "3"),
    ],
)
def test_deleting(sentence, target):
    assert understand(sentence) == intent("delete", target)


@pytest.mark.parametrize(
    ("sentence", "target", "title"),
    [
        ("rename 3 to buy oat milk", "3", "buy oat milk"),
        ('rename task "buy milk" to "buy oat milk"', "buy milk", "buy oat milk"),
        ("change buy milk to buy oat milk", "buy milk", "buy oat milk"),
        ("update task 3: buy bread", "3", "buy bread"),
        ("change the title of task 4 to Foo", "4", "Foo"),
    ],
)
def test_renaming(sentence, target, title):
    assert understand(sentence) == intent("rename", target, title)


def test_many_at_once():
    assert understand("mark everything as done") == intent("complete_all")
    assert understand("complete all tasks") == intent("complete_all")
    assert understand("clear completed") == intent("delete_done")
    assert understand("delete all completed tasks") == intent("delete_done")
    assert understand("delete all tasks") == intent("delete_all")
    assert understand("yes, delete all tasks") == intent("delete_all", confirmed=True)


def test_help_is_for_those_who_greet_or_ask():
    for sentence in ("help", "Hello!", "what can you do?", "thanks"):
        assert understand(sentence) == intent("help")


@pytest.mark.parametrize("sentence", ["the weather is nice", "add", "delete", "add a task", "?!", "yes", "show the slides"])
def test_the_rest_is_not_guessed(sentence):
    assert understand(sentence).verb in ("unknown", "help")


def test_numbers_alone_are_ids():
    assert task_ids("3") == (3,)
    assert task_ids("#1, 2 and #5, 2") == (1, 2, 5)
    assert task_ids("3 eggs") == () and task_ids("9" * 40) == () and task_ids("") == ()


@pytest.mark.parametrize(
    "repeated",
    ["to do ", "add ", "please ", "!", " ", "show my ", "a \"", "'", "done is ", "1, ", "and 2 ", "not ", "mark as ", "list the "],
)
def test_no_message_keeps_the_grammar_busy(repeated):
    """In a process of its own: a pattern that has gone astray lets no other thread run."""
    program = (
        "import sys; from app.chat.grammar import understand; longest = (sys.argv[1] * 2000)[:2000]\n"
        "for start in ('', 'add ', 'show ', 'mark ', 'delete '):\n"
        "    for end in ('', 'x'): understand(start + longest + end)"
    )
    subprocess.run([sys.executable, "-c", program, repeated], check=True, timeout=20)
