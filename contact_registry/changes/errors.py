"""What can go wrong with a change.

::

    ChangeError(RegistryError)
    ├── ChangeNotFoundError    there is no such change, entry or Participant at this desk
    ├── StaleChangeError       somebody changed it meanwhile: look again, nothing was lost
    ├── StepNotPossibleError   the state does not allow this step; or it lacks what the step needs
    ├── DraftRefusedError      what was typed cannot stand in a contacts document
    └── SigningFileError       a signing file is damaged, another one's, or not signed by who must

Every message says what to do next, and holds nothing of what was typed.
"""

from contact_registry.errors import RegistryError


class ChangeError(RegistryError):
    """Anything this package raises on purpose."""


class ChangeNotFoundError(ChangeError):
    """There is no such change, entry or Participant at this desk."""


class StaleChangeError(ChangeError):
    """The change has another row version than the caller saw."""


class StepNotPossibleError(ChangeError):
    """The state of the change does not allow this step, or something is missing for it."""


class DraftRefusedError(ChangeError):
    """What was typed cannot stand in a contacts document; the draft is as it was."""


class SigningFileError(ChangeError):
    """A signing file is damaged, belongs to something else, or has no signature that counts."""
