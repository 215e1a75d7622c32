"""Local is not open: who may speak to this server, how much, and what its pages may load.

A web page elsewhere can make a browser send requests to 127.0.0.1. So a request
that names another host (DNS rebinding) or comes from another site (cross-site
forgery) is refused before any route sees it.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import respond

BODY_LIMIT = 4_000_000  # bytes: a draft of the longest allowed size, JSON-escaped
# Where more may come: exports (5,000 answers take 17.5 MB) and decks.
LIMITS = {"/api/import": 100_000_000, "/data/import": 100_000_000, "/data/decks": 6_000_000}

# Styles may be inline because Plotly.js and MathML write style attributes; scripts may not.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses foreign hosts, foreign origins and oversized bodies; adds the security headers."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self.app = app
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if fault := self._fault(scope, headers):
            await respond(Request(scope), *fault)(scope, receive, send_guarded)
            return
        await self.app(scope, _bounded(receive, _limit(scope)), send_guarded)

    def _fault(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if _name(host) not in self.allowed_hosts:
            return 400, "This server does not answer to that host name."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "A page of another site may not speak to this server."
        if scope["method"] not in ("GET", "HEAD") and _is_foreign(headers):
            return 403, "A page of another site may not change anything here."
        if int(headers.get("content-length") or 0) > _limit(scope):
            return 413, _too_much(_limit(scope))
        return None


def _name(host: str) -> str:
    """A Host header without its port: `[::1]:8000` is `[::1]`."""
    name, _, rest = host.lower().rpartition(":")
    return name if name and rest.isdigit() else host.lower()


def _is_foreign(headers: Headers) -> bool:
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _limit(scope: Scope) -> int:
    return LIMITS.get(scope["path"], BODY_LIMIT)


def _too_much(limit: int) -> str:
    return f"That is too much at once; the limit is {limit:,} bytes."


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive` that stops a body which was sent without its length and goes past the limit."""
    total = 0

    async def receive_bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise HTTPException(413, _too_much(limit))
        return message

    return receive_bounded
