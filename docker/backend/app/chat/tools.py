"""The tools a language model is offered, and what happens when it calls one.

A call that cannot be carried out is answered with an error the model can read, not with an exception.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ..tasks import Task, TaskNotFound
from .actions import Actions

LISTED_TASKS = 200


def _tool(name: str, description: str, **properties: dict) -> dict:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


_ID = {"type": "integer", "description": "The task's number"}
_TITLE = {"type": "string", "description": "A short title, without a date or number of its own"}
_STATUS = {"type": "string", "enum": ["all", "open", "done"]}

TOOLS = [
    _tool("add_task", "Add one task", title=_TITLE),
    _tool("list_tasks", "List tasks with their numbers", status=_STATUS),
    _tool("complete_task", "Mark a task as done", id=_ID),
    _tool("reopen_task", "Mark a task as not done", id=_ID),
    _tool("rename_task", "Give a task another title", id=_ID, title=_TITLE),
    _tool("delete_task", "Delete a task for good", id=_ID),
]


def call_tool(actions: Actions, name: Any, arguments: Any) -> str:
    """The tool's result as JSON text; `arguments` is JSON text or, from some servers, an object."""
    try:
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return _error("The arguments are not JSON.")
    if not isinstance(given, dict):
        return _error("The arguments are not an object.")
    tool = _CALLS.get(name) if isinstance(name, str) else None
    if tool is None:
        return _error("There is no such tool.")
    try:
        return json.dumps(tool(actions, given), ensure_ascii=False)
    except (TaskNotFound, ValueError) as error:
        return _error(str(error))


def _id(given: dict) -> int:
    value = given.get("id")
    if isinstance(value, str) and value.strip().lstrip("#").isdecimal():
        value = int(value.strip().lstrip("#")[:20])
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("`id` must be a task's number.")
    return value


def _title(given: dict) -> str:
    if not isinstance(given.get("title"), str):
        raise ValueError("`title` must be text.")
    return given["title"]


def _list(actions: Actions, given: dict) -> dict:
    status = given.get("status", "all")
    if status not in ("all", "open", "done"):
        raise ValueError("`status` must be all, open or done.")
    tasks = actions.store.list(status)
    return {"tasks": [_brief(task) for task in tasks[:LISTED_TASKS]], "total": len(tasks)}


def _brief(task: Task) -> dict:
    return {name: value for name, value in asdict(task).items() if name in ("id", "title", "done")}


_CALLS: dict[str, Callable[[Actions, dict], dict]] = {
    "add_task": lambda actions, given: _brief(actions.add(_title(given))),
    "list_tasks": _list,
    "complete_task": lambda actions, given: _brief(actions.complete(_id(given))),
    "reopen_task": lambda actions, given: _brief(actions.reopen(_id(given))),
    "rename_task": lambda actions, given: _brief(actions.rename(_id(given), _title(given))),
    "delete_task": lambda actions, given: {"deleted": _brief(actions.delete(_id(given)))},
}


def _error(message: str) -> str:
    return json.dumps({"error": message})
