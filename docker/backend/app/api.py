"""The HTTP API: probes, tasks, chat."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Path, Query, Response

from .chat.assistant import Answer, Assistant
from .errors import install_error_handlers
from .limits import BodyLimit
from .schemas import ChatAnswer, ChatEngine, ChatRequest, NewTask, TaskAnswer, TaskChange, TaskId, TaskList
from .settings import Settings
from .tasks import Status, Task, TaskStore

Id = Annotated[TaskId, Path()]


def create_app(settings: Settings) -> FastAPI:
    store = TaskStore(settings.database_path)
    assistant = Assistant(store, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await assistant.close()
        store.close()

    app = FastAPI(
        title="Todo Chatbot", lifespan=lifespan, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.assistant = assistant
    app.add_middleware(BodyLimit)
    install_error_handlers(app)

    @app.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """The process answers; nothing else is asked, so a lost volume does not kill it."""
        return {"status": "ok"}

    @app.get("/ready", include_in_schema=False)
    def ready() -> dict[str, str]:
        store.check()
        return {"status": "ready"}

    @app.get("/api/tasks", response_model=TaskList)
    def list_tasks(status: Annotated[Status, Query()] = "all") -> dict[str, list[Task]]:
        return {"tasks": store.list(status)}

    @app.post("/api/tasks", response_model=TaskAnswer, status_code=201)
    def add_task(task: NewTask, response: Response) -> Task:
        added = store.add(task.title)
        response.headers["Location"] = f"/api/tasks/{added.id}"
        return added

    @app.get("/api/tasks/{task_id}", response_model=TaskAnswer)
    def get_task(task_id: Id) -> Task:
        return store.get(task_id)

    @app.patch("/api/tasks/{task_id}", response_model=TaskAnswer)
    def change_task(task_id: Id, change: TaskChange) -> Task:
        return store.update(task_id, title=change.title, done=change.done)

    @app.delete("/api/tasks/{task_id}", status_code=204)
    def delete_task(task_id: Id) -> None:
        store.delete(task_id)

    @app.get("/api/chat")
    async def chat_engine() -> ChatEngine:
        return ChatEngine(engine=assistant.engine, model=assistant.model_name)

    @app.post("/api/chat", response_model=ChatAnswer)
    async def chat(request: ChatRequest) -> Answer:
        return await assistant.answer(request.message, [turn.model_dump() for turn in request.history])

    return app
