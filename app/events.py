"""Server-sent events: what is told while it happens, until all is said or nobody listens."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from anyio import create_task_group
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Tell = Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]


class Events(Response):
    """A stream of named events, each with JSON for its data. `produce` tells them, and is cancelled
    when the client goes away. (Starlette's streaming wants a generator, which a cancellation may
    leave standing at a `yield`, with its seat taken.)"""

    media_type = "text/event-stream"

    def __init__(self, produce: Callable[[Tell], Awaitable[None]]) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self.produce = produce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(name: str, data: dict[str, Any]) -> None:
            text = f"event: {name}\ndata: {json.dumps(data)}\n\n"
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        async with create_task_group() as group:
            group.start_soon(watch)
            await self.produce(tell)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
