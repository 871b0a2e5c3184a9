"""Decides who answers a message: the model within its time, or the rules, and says which it was."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal

import httpx

from ..settings import Settings
from ..tasks import TaskStore
from .actions import Action, Actions
from .model import Model, ModelFailure, timed_out
from .rules import answer_by_rules

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0

NOT_CONFIGURED = ModelFailure("not_configured", "No language model is configured.")
STOPPING = ModelFailure("stopping", "The server is being restarted.")


@dataclass(frozen=True)
class Answer:
    reply: str
    engine: Literal["model", "rules"]
    fallback: str | None
    notice: str | None
    actions: list[Action]


class Assistant:
    def __init__(self, store: TaskStore, settings: Settings):
        self._store = store
        self._seconds = settings.chat_seconds
        self._stopping = asyncio.Event()
        timeout = httpx.Timeout(settings.chat_seconds, connect=min(CONNECT_SECONDS, settings.chat_seconds))
        self._client = httpx.AsyncClient(timeout=timeout)
        self._model = Model(settings.endpoint, self._client) if settings.endpoint else None

    @property
    def engine(self) -> Literal["model", "rules"]:
        return "model" if self._model else "rules"

    @property
    def model_name(self) -> str | None:
        return self._model.name if self._model else None

    def stop(self) -> None:
        """From now on nobody waits for the model: messages under way are answered by the rules."""
        self._stopping.set()

    async def close(self) -> None:
        await self._client.aclose()

    async def answer(self, message: str, history: list[dict[str, str]]) -> Answer:
        actions = Actions(self._store)
        try:
            reply = await self._ask_model(actions, message, history)
            return Answer(reply, "model", None, None, actions.done)
        except ModelFailure as failure:
            if failure is not NOT_CONFIGURED:
                log.warning("chat: the rules answer because of %s: %s", failure.code, failure)
            return await self._fall_back(failure, actions, message)

    async def _ask_model(self, actions: Actions, message: str, history: list[dict[str, str]]) -> str:
        if self._model is None:
            raise NOT_CONFIGURED
        asking = asyncio.create_task(self._model.answer(actions, message, history))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((asking, stopping), timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise STOPPING if stopping.done() else timed_out()
        finally:
            asking.cancel()
            stopping.cancel()
            await asyncio.wait((asking, stopping))

    async def _fall_back(self, failure: ModelFailure, actions: Actions, message: str) -> Answer:
        """The rules read the message only if the model has changed nothing, lest it is done twice."""
        if actions.done:
            done = "\n".join(f"• {action}" for action in actions.done)
            reply = f"I could not finish. Done so far:\n{done}"
        else:
            reply = await asyncio.to_thread(answer_by_rules, actions, message)
        return Answer(reply, "rules", failure.code, f"{failure} Answered by built-in rules.", actions.done)
