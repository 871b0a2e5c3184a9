"""Tasks and where they are kept: one SQLite file, one connection, one writer at a time."""

import sqlite3
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

TITLE_LENGTH = 200
LARGEST_ID = 2**63 - 1

Status = Literal["all", "open", "done"]
Result = TypeVar("Result")

SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)
"""


class TaskNotFound(LookupError):
    def __init__(self, task_id: int):
        super().__init__(f"There is no task #{task_id}.")


class DatabaseUnavailable(RuntimeError):
    """The file cannot be opened, read or written just now."""


@dataclass(frozen=True)
class Task:
    id: int
    title: str
    done: bool
    created_at: str
    updated_at: str


def clean_title(text: str) -> str:
    """One line without invisible characters; ValueError if nothing or too much is left."""
    one_line = " ".join(text.split())
    title = "".join(c for c in one_line if unicodedata.category(c) not in ("Cc", "Cs", "Cn")).strip()
    if not any(unicodedata.category(c)[0] in "LNPS" for c in title):
        raise ValueError("A title must not be blank.")
    if len(title) > TITLE_LENGTH:
        raise ValueError(f"A title has at most {TITLE_LENGTH} characters.")
    return title


class TaskStore:
    """Opens the file when it is first needed, and again after an error, so a volume may come late."""

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def check(self) -> None:
        self._run(lambda db: db.execute("SELECT id FROM tasks LIMIT 1").fetchall())

    def list(self, status: Status = "all") -> list[Task]:
        where = {"all": "", "open": "WHERE NOT done", "done": "WHERE done"}[status]
        rows = self._run(lambda db: db.execute(f"SELECT * FROM tasks {where} ORDER BY id").fetchall())
        return [_task(row) for row in rows]

    def get(self, task_id: int) -> Task:
        return self._one(task_id, "SELECT * FROM tasks WHERE id = ?", (task_id,))

    def add(self, title: str) -> Task:
        values = (clean_title(title), _now(), _now())
        insert = "INSERT INTO tasks (title, created_at, updated_at) VALUES (?, ?, ?) RETURNING *"
        return _task(self._run(lambda db: db.execute(insert, values).fetchall())[0])

    def update(self, task_id: int, *, title: str | None = None, done: bool | None = None) -> Task:
        """Changes what is given and leaves the rest."""
        values = (None if title is None else clean_title(title), done, _now(), task_id)
        return self._one(
            task_id,
            "UPDATE tasks SET title = coalesce(?, title), done = coalesce(?, done), updated_at = ?"
            " WHERE id = ? RETURNING *",
            values,
        )

    def delete(self, task_id: int) -> Task:
        return self._one(task_id, "DELETE FROM tasks WHERE id = ? RETURNING *", (task_id,))

    def close(self) -> None:
        with self._lock:
            self._drop_connection()

    def _one(self, task_id: int, statement: str, values: tuple) -> Task:
        if not 1 <= task_id <= LARGEST_ID:
            raise TaskNotFound(task_id)
        rows = self._run(lambda db: db.execute(statement, values).fetchall())
        if not rows:
            raise TaskNotFound(task_id)
        return _task(rows[0])

    def _run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self._path)
                return operation(self._connection)
            except (sqlite3.Error, OSError) as error:
                self._drop_connection()
                raise DatabaseUnavailable(f"{type(error).__name__}: {error}") from error

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _task(row: sqlite3.Row) -> Task:
    return Task(**{**dict(row), "done": bool(row["done"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
