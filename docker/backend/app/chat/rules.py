"""The fallback: carries out an intent without a language model and says plainly what it did."""

from collections.abc import Callable

from ..tasks import LARGEST_ID, Status, Task, TaskNotFound
from .actions import Actions
from .grammar import Intent, task_ids, understand

HELP = """I understand sentences like these:
• add buy milk
• what is left?
• complete 3, or: I finished buy milk
• rename 3 to buy oat milk
• reopen 3
• delete 3, or: delete completed tasks"""


class CannotTell(Exception):
    """The sentence does not say which task is meant; the text asks back."""


def answer_by_rules(actions: Actions, message: str) -> str:
    intent = understand(message)
    try:
        return _ANSWERS[intent.verb](actions, intent)
    except (CannotTell, TaskNotFound, ValueError) as problem:
        return str(problem)


def _add(actions: Actions, intent: Intent) -> str:
    return "\n".join(f"Added {_named(actions.add(title))}." for title in intent.titles)


def _list(actions: Actions, intent: Intent) -> str:
    tasks = actions.store.list(intent.status)
    if not tasks:
        return {
            "all": "Your list is empty. Tell me what to add.",
            "open": "Nothing is open. Well done!",
            "done": "Nothing is done yet.",
        }[intent.status]
    return f"You have {_counted(tasks, intent.status)}:\n" + "\n".join(
        f"{'✓' if task.done else '•'} #{task.id} {task.title}" for task in tasks
    )


def _counted(tasks: list[Task], status: Status) -> str:
    noun = "task" if len(tasks) == 1 else "tasks"
    if status == "all":
        return f"{len(tasks)} {noun}, {sum(not task.done for task in tasks)} open"
    return f"{len(tasks)} {status} {noun}"


def _complete(actions: Actions, intent: Intent) -> str:
    return _each(actions, intent.target, actions.complete, "Completed {}. ✓", prefer_done=False)


def _reopen(actions: Actions, intent: Intent) -> str:
    return _each(actions, intent.target, actions.reopen, "Reopened {}.", prefer_done=True)


def _delete(actions: Actions, intent: Intent) -> str:
    return _each(actions, intent.target, actions.delete, "Deleted {}.")


def _rename(actions: Actions, intent: Intent) -> str:
    ids = _find(actions.store.list(), intent.target)
    if len(ids) > 1:
        raise CannotTell("I can rename only one task at a time.")
    before = actions.store.get(ids[0]).title
    return f"Renamed “{before}” to {_named(actions.rename(ids[0], intent.titles[0]))}."


def _complete_all(actions: Actions, _: Intent) -> str:
    tasks = actions.store.list("open")
    for task in tasks:
        actions.complete(task.id)
    return f"Completed {_counted(tasks, 'open')}. ✓" if tasks else "Nothing was open."


def _delete_done(actions: Actions, _: Intent) -> str:
    tasks = actions.store.list("done")
    for task in tasks:
        actions.delete(task.id)
    return f"Deleted {_counted(tasks, 'done')}." if tasks else "There are no completed tasks to delete."


def _delete_all(actions: Actions, intent: Intent) -> str:
    tasks = actions.store.list()
    if not tasks:
        return "There is nothing to delete."
    if not intent.confirmed:
        return f"That would delete {_counted(tasks, 'all')}. If you mean it, say: yes, delete all tasks."
    for task in tasks:
        actions.delete(task.id)
    return "Deleted all tasks."


def _help(_: Actions, __: Intent) -> str:
    return HELP


def _unknown(_: Actions, __: Intent) -> str:
    return f"I did not understand that. {HELP}"


_ANSWERS: dict[str, Callable[[Actions, Intent], str]] = {
    "add": _add,
    "list": _list,
    "complete": _complete,
    "complete_all": _complete_all,
    "reopen": _reopen,
    "delete": _delete,
    "delete_done": _delete_done,
    "delete_all": _delete_all,
    "rename": _rename,
    "help": _help,
    "unknown": _unknown,
}


def _each(
    actions: Actions, target: str, change: Callable[[int], Task], said: str, prefer_done: bool | None = None
) -> str:
    lines = []
    for task_id in _find(actions.store.list(), target, prefer_done):
        try:
            lines.append(said.format(_named(change(task_id))))
        except TaskNotFound as missing:
            lines.append(str(missing))
    return "\n".join(lines)


def _find(tasks: list[Task], target: str, prefer_done: bool | None = None) -> list[int]:
    """The ids a target means: numbers, "last", "first", or a title or a part of one."""
    if ids := task_ids(target):
        return [task_id for task_id in ids if task_id <= LARGEST_ID]
    wanted = target.casefold()
    preferred = [task for task in tasks if prefer_done is None or task.done is prefer_done] or tasks
    if preferred and wanted in ("last", "last one", "latest", "newest", "it", "that"):
        return [preferred[-1].id]
    if preferred and wanted in ("first", "first one", "oldest"):
        return [preferred[0].id]

    words = set(wanted.split())
    for fits in (
        lambda title: title == wanted,
        lambda title: wanted in title,
        lambda title: words <= set(title.split()),
        lambda title: len(title) > 3 and title in wanted,
    ):
        for candidates in (preferred, tasks):
            found = [task for task in candidates if fits(task.title.casefold())]
            if len(found) == 1:
                return [found[0].id]
            if found:
                raise CannotTell("Which one? " + ", ".join(_named(task) for task in found[:5]))
    raise CannotTell(f"I find no task like “{target[:80]}”. Say “list” to see them all.")


def _named(task: Task) -> str:
    return f"“{task.title}” (#{task.id})"
