"""What checks a type is made when its first message is met, whoever meets it."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from pydantic import BaseModel, create_model

from protocol.messages.catalogue import CATALOGUE
from tests.support.messages import TAGS, make_fields

_THREADS = 4


def test_threads_that_meet_a_type_at_once_all_read_the_message() -> None:
    """Each of four threads that read the first message of a type at once gets all of it."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for tag in TAGS:
            payload = json.dumps(make_fields(tag))
            known = CATALOGUE[tag].model.model_validate_json(payload)
            # Nobody has met this one: a class of its own is made ready apart from its parent.
            fresh = create_model("Fresh", __base__=CATALOGUE[tag].model)
            assert not fresh.__pydantic_complete__
            together = Barrier(_THREADS)

            def read(
                model: type[BaseModel] = fresh, text: str = payload, start: Barrier = together
            ) -> BaseModel:
                start.wait(60)
                return model.model_validate_json(text)

            for message in [each.result() for each in [pool.submit(read) for _ in range(_THREADS)]]:
                assert message.model_dump_json() == known.model_dump_json()
