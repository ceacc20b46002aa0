"""The one way in which the mini reader refuses: a rejection code of SPEC section 7.3."""


class RejectedError(Exception):
    """What was read is refused; ``code`` is the rejection code, the text names the rule."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(f"{code}: {rule}")
        self.code = code
        self.rule = rule


def malformed(rule: str) -> RejectedError:
    """Make the refusal of a wrong shape."""
    return RejectedError("malformed", rule)
