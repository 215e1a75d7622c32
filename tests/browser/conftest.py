"""A real server in its own process and a real browser that can reach nothing but loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from app.settings import ROOT

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@dataclass
class Server:
    """`attend serve` on a free port, with a data directory of its own."""

    data: Path
    port: int
    # No grader: a test that wants one says which.
    environment: dict[str, str] = field(default_factory=lambda: {"ATTEND_GRADER": "self"})
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | {"ATTEND_DATA_DIR": str(self.data), "HF_HUB_OFFLINE": "1"}
        environment |= self.environment
        command = [Path(sys.executable).with_name("attend"), "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, "the server stopped while starting"
            assert time.monotonic() < deadline, "the server did not start within a minute"
            time.sleep(0.1)

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def serving(data: Path, **environment: str) -> Iterator[Server]:
    server = Server(data, free_port())
    server.environment |= environment
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server for this test alone, which may kill it."""
    yield from serving(tmp_path / "data")


# Not for the whole session: Playwright keeps an event loop running as long as it is open, and
# the asynchronous tests of the other folders need the thread for their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "no chromium on this machine: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What the pages of one test did that no page may do."""

    blocked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """Open a page of the server; `scripts=False` without JavaScript, other options as Playwright's.

    At the end of the test nothing may have asked for another machine, broken the content
    security policy or thrown.
    """
    watch = Watch()
    contexts: list[BrowserContext] = []

    def loopback_only(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            watch.blocked.append(route.request.url)
            route.abort()

    def open_page(address: str, *, scripts: bool = True, **options: object) -> Page:
        context = browser.new_context(java_script_enabled=scripts, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.route("**/*", loopback_only)
        page = context.new_page()
        page.on("pageerror", lambda error: watch.errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                watch.errors.append(message.text)
                if message.type == "error" and "Content Security Policy" in message.text
                else None
            ),
        )
        page.goto(server.url + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert watch.blocked == []
    assert watch.errors == []
