"""uvicorn, told to stop quickly: requests under way are answered, connections that idle are closed."""

import asyncio
import logging
from types import FrameType

import uvicorn

from .api import create_app
from .settings import Settings

GRACE_SECONDS = 0.25
PROBES = ("/health", "/ready")


class Server(uvicorn.Server):
    """Wakes chat requests that wait for a model before uvicorn waits for them."""

    def __init__(self, config: uvicorn.Config, stop_waiting):
        super().__init__(config)
        self._stop_waiting = stop_waiting
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets=None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_waiting)
        super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s:     %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_is_no_probe)
    Server(config, app.state.assistant.stop).run()


def _is_no_probe(record: logging.LogRecord) -> bool:
    path = record.args[2] if isinstance(record.args, tuple) and len(record.args) > 2 else None
    return path not in PROBES
