"""The index of words: what can be looked for without opening every message.

What its tables show to somebody without the node's keys is in ADR 26: how many beginnings of words
each document has, and nothing of which.
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

#: SQLite keeps a table in the order of its key only if that is called INTEGER.
_Label = BigInteger().with_variant(Integer(), "sqlite")


class SearchStateRow(SQLModel, table=True):
    """The one row of the index itself; whoever adds words holds it until the end."""

    __tablename__: ClassVar[str] = "search_state"

    state_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    #: Counts rebuilds: labels of another generation mean nothing.
    generation: int
    #: False while a rebuild has not reached its end.
    complete: bool


class SearchDocumentRow(SQLModel, table=True):
    """Something that can be found: a message, a note, a case, the confidential part of a case."""

    __tablename__: ClassVar[str] = "search_document"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id", "channel", name="uq_search_document_subject"),
        {"sqlite_autoincrement": True},  # labels of what was erased point to no number used again
    )

    #: Later ones are greater: it is the order of what is found.
    document: int | None = Field(default=None, primary_key=True)
    #: See ``node.domain.search.Kind``.
    kind: str = Field(max_length=12)
    subject_id: str = Field(max_length=32)
    case_id: str | None = Field(default=None, max_length=32, index=True)
    #: A channel, or ``unknown``.
    channel: str = Field(max_length=30)
    generation: int
    #: Four bytes for each of its terms, sorted, under the node key.
    terms_sealed: bytes = Field(sa_type=LargeBinary)


class SearchWordRow(SQLModel, table=True):
    """That the n-th document with some term is this one; which term, and which n, nobody sees."""

    __tablename__: ClassVar[str] = "search_word"
    __table_args__ = (Index("ix_search_word_document", "document"),)

    label: int = Field(primary_key=True, sa_type=_Label, sa_column_kwargs={"autoincrement": False})
    #: None: erased. The row stays, because the next document of the term counts on it.
    document: int | None = None
