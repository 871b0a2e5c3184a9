"""What the chat may do to tasks, and the record of what it did."""

from dataclasses import dataclass, field
from typing import Literal

from ..tasks import Task, TaskStore

Kind = Literal["added", "completed", "reopened", "renamed", "deleted"]


@dataclass(frozen=True)
class Action:
    kind: Kind
    task: Task

    def __str__(self) -> str:
        return f"{self.kind} “{self.task.title}” (#{self.task.id})"


@dataclass
class Actions:
    """The only way from the chat to the store; `done` grows by what really happened."""

    store: TaskStore
    done: list[Action] = field(default_factory=list)

    def add(self, title: str) -> Task:
        return self._record("added", self.store.add(title))

    def complete(self, task_id: int) -> Task:
        return self._record("completed", self.store.update(task_id, done=True))

    def reopen(self, task_id: int) -> Task:
        return self._record("reopened", self.store.update(task_id, done=False))

    def rename(self, task_id: int, title: str) -> Task:
        return self._record("renamed", self.store.update(task_id, title=title))

    def delete(self, task_id: int) -> Task:
        return self._record("deleted", self.store.delete(task_id))

    def _record(self, kind: Kind, task: Task) -> Task:
        self.done.append(Action(kind, task))
        return task
