"""Bodies that say, when the person of the case is a child, who acts for the child.

A type whose subject was told before still repeats the guardian's situation where somebody acts on
it: a consulate, a court, or a driver at the border must not have to look it up.
"""

from typing import Self

from pydantic import model_validator

from protocol.messages.head import CasePersonBody, ChildSituation


class GuardedPersonBody(CasePersonBody):
    """A body about the person of a case that carries the child's part if, and only if, a child.

    Rules: the child's part is there if, and only if, the person is treated as a child.
    """

    child: ChildSituation | None = None

    @model_validator(mode="after")
    def _verify_child_part(self) -> Self:
        if self.treated_as_child != (self.child is not None):
            raise ValueError(
                "Say who acts for the child and whether the child was told, or, for an adult, "
                "leave the child's part out."
            )
        return self
