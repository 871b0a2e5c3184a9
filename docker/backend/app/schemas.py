"""What requests and answers look like; FastAPI checks the one and documents both."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .tasks import LARGEST_ID, clean_title

MESSAGE_LENGTH = 2000
HISTORY_LENGTH = 20

Title = Annotated[str, AfterValidator(clean_title)]
TaskId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_LENGTH)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTask(Request):
    title: Title


class TaskChange(Request):
    title: Title | None = None
    done: bool | None = None

    @model_validator(mode="after")
    def changes_something(self) -> "TaskChange":
        if self.title is None and self.done is None:
            raise ValueError("A change has a title, a done, or both.")
        return self


class ChatTurn(Request):
    role: Literal["user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=2 * MESSAGE_LENGTH)]


class ChatRequest(Request):
    message: Message
    history: Annotated[list[ChatTurn], Field(max_length=HISTORY_LENGTH)] = []


class TaskAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    done: bool
    created_at: str
    updated_at: str


class TaskList(BaseModel):
    tasks: list[TaskAnswer]


class ActionAnswer(BaseModel):
    """One thing the chat did, as it happened in the database."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["added", "completed", "reopened", "renamed", "deleted"]
    task: TaskAnswer


class ChatAnswer(BaseModel):
    """`engine` says who answered; `fallback` and `notice` say why it was not the model."""

    model_config = ConfigDict(from_attributes=True)

    reply: str
    engine: Literal["model", "rules"]
    fallback: str | None
    notice: str | None
    actions: list[ActionAnswer]


class ChatEngine(BaseModel):
    engine: Literal["model", "rules"]
    model: str | None
