"""What a node refuses, as an exception: the problem details of RFC 9457."""

from typing import Any, Final

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

_PREFIX: Final = "urn:trm:problem:"


class ProblemDetails(BaseModel):
    """What the node says; further members are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str = ""


class NodeProblemError(Exception):
    """The node refused, or failed. ``code`` is for programs, the text for people."""

    def __init__(self, problem: ProblemDetails) -> None:
        super().__init__(f"{problem.status} {problem.detail or problem.title}")
        self.problem = problem

    @property
    def code(self) -> str:
        """What the type ends with: ``changed-meanwhile``, ``refused``; see docs/api.md."""
        return self.problem.type.removeprefix(_PREFIX)

    @property
    def members(self) -> dict[str, Any]:
        """Return what the problem says beyond the common members."""
        return dict(self.problem.model_extra or {})


def raise_for_problem(answer: httpx.Response) -> None:
    """Raise :class:`NodeProblemError` unless the answer is a success."""
    if answer.is_success:
        return
    try:
        problem = ProblemDetails.model_validate_json(answer.content)
    except ValidationError:  # something in between answered, a proxy
        problem = ProblemDetails(status=answer.status_code, title=answer.reason_phrase)
    raise NodeProblemError(problem)
