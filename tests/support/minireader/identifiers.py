"""Identifiers of SPEC section 2.1, and the subjects of mailboxes (section 11)."""

import re

from tests.support.minireader.keys import read_nkey_public
from tests.support.minireader.rejection import malformed

FORMS = {
    "participant": r"[A-Z][A-Z0-9]{1,7}",
    "authority": r"(?=.{1,120}\Z)[A-Z][A-Z0-9]{1,7}-[a-z0-9]+(-[a-z0-9]+)*",
    "message_id": r"[0-9a-f]{32}",
    "language": r"[a-z]{2,3}(-[A-Z][a-z]{3})?",
}
SUBJECT = ("trm", "mbx")
CLASSES = ("m", "r", "l", "b")


def read_identifier(kind: str, text: str) -> str:
    """Read an identifier; it has one form."""
    if not re.fullmatch(FORMS[kind], text, re.ASCII):
        raise malformed(f"no {kind}")
    return text


def read_subject(subject: str) -> dict[str, str]:
    """Read the subject of a mailbox: whose it is, who publishes, and the class."""
    tokens = subject.split(".")
    if len(tokens) != 5 or tuple(tokens[:2]) != SUBJECT or tokens[4] not in CLASSES:
        raise malformed("no subject of a mailbox")
    for token in tokens[2:4]:
        if read_nkey_public(token)[0] != "account":
            raise malformed("no account in the subject")
    return {"recipient": tokens[2], "sender": tokens[3], "class": tokens[4]}


def write_subject(recipient: str, sender: str, kind: str) -> str:
    """Write the subject of a mailbox."""
    return ".".join((*SUBJECT, recipient, sender, kind))
