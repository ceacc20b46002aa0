"""What can go wrong with a finding.

::

    FindingError
    ├── FindingNotFoundError   nobody has seen such a finding
    ├── StaleFindingError      somebody else did something with it meanwhile
    └── FindingStepError       its standing does not allow this step, or the reason is missing

Every message says what to do next.
"""


class FindingError(Exception):
    """Anything this package raises on purpose."""


class FindingNotFoundError(FindingError):
    """There is no such finding."""


class StaleFindingError(FindingError):
    """The finding has another revision than the page that was sent."""


class FindingStepError(FindingError):
    """The step cannot be done."""
