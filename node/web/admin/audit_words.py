"""Acts of the audit log in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from console.audit.entries import AuditEntry
from console.i18n import Message, pmsg
from node.domain.audit import Act

ACT_WORDS: Final[Mapping[str, Message]] = {
    Act.MESSAGE_SEEN: pmsg("audit", "Message read"),
    Act.MESSAGE_SENT: pmsg("audit", "Message sent"),
    Act.MESSAGE_DECIDED: pmsg("audit", "Message decided"),
    Act.MESSAGE_CANCELLED: pmsg("audit", "Message taken back"),
    Act.CASE_SEEN: pmsg("audit", "Case opened on a screen"),
    Act.CONFIDENTIAL_SEEN: pmsg("audit", "Strictly confidential part read"),
    Act.CONFIDENTIAL_CHANGED: pmsg("audit", "Strictly confidential part changed"),
    Act.NOTES_SEEN: pmsg("audit", "Notes read"),
    Act.FILE_TAKEN: pmsg("audit", "File taken out"),
    Act.EVIDENCE_EXPORTED: pmsg("audit", "Evidence taken out"),
    Act.CASE_PRINTED: pmsg("audit", "Case put on paper"),
    Act.SEARCHED: pmsg("audit", "Searched"),
    Act.CONFIDENTIAL_SEARCHED: pmsg("audit", "Strictly confidential part searched"),
    Act.CONSENT_RECORDED: pmsg("audit", "Consent recorded"),
    Act.EXCEPTION_RECORDED: pmsg("audit", "Exception recorded"),
    Act.CIRCUMSTANCES_CHANGED: pmsg("audit", "Circumstances changed"),
    Act.SHELTER_CODE_ISSUED: pmsg("audit", "Shelter code given out"),
    Act.DOCUMENT_FILED: pmsg("audit", "Document filed"),
    Act.DOCUMENT_TAKEN: pmsg("audit", "Document taken out"),
    Act.APPROVAL_ASKED: pmsg("audit", "Approval asked"),
    Act.APPROVAL_SEEN: pmsg("audit", "Approval read"),
    Act.APPROVAL_GIVEN: pmsg("audit", "Approved"),
    Act.APPROVAL_REFUSED: pmsg("audit", "Approval refused"),
    Act.APPROVAL_TAKEN_BACK: pmsg("audit", "Asking for approval taken back"),
    Act.CONSENT_WITHDRAWN: pmsg("audit", "Consent withdrawn"),
    Act.DELETION_ASKED: pmsg("audit", "Deletion asked"),
    Act.RECIPIENT_TOLD: pmsg("audit", "Recipient told another way"),
    Act.DELETION_REPORTED: pmsg("audit", "Deletion reported"),
    Act.MESSAGE_ERASED: pmsg("audit", "Message erased"),
    Act.CASE_ERASED: pmsg("audit", "Case erased"),
    Act.ONWARD_ANSWER_RECORDED: pmsg("audit", "Answer to an onward message recorded"),
    Act.RETURN_CHANGED: pmsg("audit", "Return changed"),
    Act.ARRIVAL_SETTLED: pmsg("audit", "Arrival without notice settled"),
    Act.ACCOUNT_ADDED: pmsg("audit", "Person added"),
    Act.ROLES_CHANGED: pmsg("audit", "Roles changed"),
    Act.CLEARANCE_CHANGED: pmsg("audit", "Channels changed"),
    Act.ACCESS_CONFIRMED: pmsg("audit", "Access confirmed"),
    Act.ACCESS_REFUSED: pmsg("audit", "Access refused"),
    Act.SHUT_OUT: pmsg("audit", "Person shut out"),
    Act.LET_IN: pmsg("audit", "Person let in again"),
    Act.LINK_MADE: pmsg("audit", "Sign-in link made"),
    Act.LINK_FOLLOWED: pmsg("audit", "Sign-in link used"),
    Act.CREDENTIALS_SET: pmsg("audit", "Password and second factor set"),
    Act.SECOND_FACTOR_FORGOTTEN: pmsg("audit", "Password and second factor forgotten"),
    Act.SIGNED_IN: pmsg("audit", "Signed in"),
    Act.SESSION_ENDED: pmsg("audit", "Session ended"),
    Act.PASSKEY_ADDED: pmsg("audit", "Passkey added"),
    Act.PASSKEY_REMOVED: pmsg("audit", "Passkey removed"),
    Act.RECOVERY_CODES_MADE: pmsg("audit", "Recovery codes made"),
    Act.RECOVERY_CODE_USED: pmsg("audit", "Recovery code used"),
    Act.RECOVERY_CODES_FORGOTTEN: pmsg("audit", "Recovery codes forgotten"),
    Act.NATIONAL_LOGIN_LINKED: pmsg("audit", "National login linked"),
    Act.NATIONAL_LOGIN_UNLINKED: pmsg("audit", "National login unlinked"),
    Act.TOKEN_MADE: pmsg("audit", "Token made"),
    Act.TOKENS_REVOKED: pmsg("audit", "Tokens revoked"),
    Act.ROSTER_CHANGED: pmsg("audit", "Roster changed"),
    Act.NOTICE_ADDRESS_SET: pmsg("audit", "Address for notices set"),
    Act.NOTICE_ADDRESS_REMOVED: pmsg("audit", "Address for notices removed"),
    Act.WEBHOOK_MADE: pmsg("audit", "Webhook made"),
    Act.WEBHOOK_CHANGED: pmsg("audit", "Webhook changed"),
    Act.WEBHOOK_REMOVED: pmsg("audit", "Webhook removed"),
    Act.WEBHOOK_SECRET_CHANGED: pmsg("audit", "Secret of a webhook changed"),
    Act.WEBHOOK_REPLAYED: pmsg("audit", "Webhook told again"),
    Act.AUDIT_EXPORTED: pmsg("audit", "Audit log taken out"),
    Act.BACKUP_NOTED: pmsg("audit", "Backup noted"),
    Act.BACKUP_TESTED: pmsg("audit", "Backup restored on trial"),
}
"""Every :class:`~node.domain.audit.Act` has its words here: a test looks for the missing."""


@dataclass(frozen=True, slots=True)
class WordedEntry:
    """An entry as a page shows it; ``more`` are its details, as they are written."""

    entry: AuditEntry
    what: Message | str
    more: str


def say_act(act: str) -> Message | str:
    """Say a kind of act; one that is not known here by its code."""
    return ACT_WORDS.get(act, act)


def word_entry(entry: AuditEntry) -> WordedEntry:
    """Put an entry into words."""
    more = "; ".join(f"{name}: {value}" for name, value in entry.facts.items() if value is not None)
    return WordedEntry(entry, say_act(entry.action), more)
