"""A sample console for each test, and a browser without a screen that visits it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.console_client import FormClient
from tests.support.console_face import Sample, build_sample


@pytest.fixture
def sample() -> Sample:
    """Build a console with one account, on loopback names."""
    return build_sample()


@pytest.fixture
async def visitor(sample: Sample) -> AsyncIterator[FormClient]:
    """Open a browser that has not signed in."""
    async with FormClient(sample) as client:
        yield client


@pytest.fixture
async def officer(visitor: FormClient) -> FormClient:
    """Open a browser whose person is signed in."""
    answer = await visitor.sign_in()
    assert answer.headers["location"] == "/"
    return visitor
