"""Labs keep nothing that another test could trip over: one server for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serving(tmp_path_factory.mktemp("data"))
