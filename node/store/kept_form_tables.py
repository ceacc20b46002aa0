"""The table of forms that were sent to a screen that had just locked."""

from typing import ClassVar

from console.storage.kept_forms import KeptFormColumns


class KeptFormRow(KeptFormColumns, table=True):
    """The last such form of one person. What was typed is sealed under the node key."""

    __tablename__: ClassVar[str] = "kept_form"
