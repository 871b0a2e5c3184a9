"""An upper bound for request bodies, whether their length is announced or not."""

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import error_body

BODY_BYTES = 64 * 1024


class BodyLimit:
    """Refuses with 413 as soon as a body is known to be longer than BODY_BYTES."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > BODY_BYTES:
                refusal = error_body("too_large", f"A request has at most {BODY_BYTES} bytes.")
                return await JSONResponse(refusal, 413, headers={"connection": "close"})(scope, receive, send)
            if not message.get("more_body"):
                break

        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, receive_again, send)
