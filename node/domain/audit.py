"""What the audit log can say. A kind is never reused for another meaning."""

from enum import StrEnum


class Act(StrEnum):
    """Kinds of acts: who saw, sent, approved, exported, erased; and who let whom in."""

    # content
    MESSAGE_SEEN = "message_seen"
    MESSAGE_SENT = "message_sent"
    MESSAGE_DECIDED = "message_decided"
    MESSAGE_CANCELLED = "message_cancelled"
    CASE_SEEN = "case_seen"
    CONFIDENTIAL_SEEN = "confidential_seen"
    CONFIDENTIAL_CHANGED = "confidential_changed"
    NOTES_SEEN = "notes_seen"
    FILE_TAKEN = "file_taken"
    EVIDENCE_EXPORTED = "evidence_exported"
    CASE_PRINTED = "case_printed"
    #: Never the words.
    SEARCHED = "searched"
    CONFIDENTIAL_SEARCHED = "confidential_searched"
    # consent, approvals, withdrawals, erasing
    CONSENT_RECORDED = "consent_recorded"
    EXCEPTION_RECORDED = "exception_recorded"
    CIRCUMSTANCES_CHANGED = "circumstances_changed"
    SHELTER_CODE_ISSUED = "shelter_code_issued"
    DOCUMENT_FILED = "document_filed"
    DOCUMENT_TAKEN = "document_taken"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_SEEN = "approval_seen"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_REFUSED = "approval_refused"
    APPROVAL_TAKEN_BACK = "approval_taken_back"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    DELETION_ASKED = "deletion_asked"
    RECIPIENT_TOLD = "recipient_told"
    DELETION_REPORTED = "deletion_reported"
    MESSAGE_ERASED = "message_erased"
    CASE_ERASED = "case_erased"
    ONWARD_ANSWER_RECORDED = "onward_answer_recorded"
    RETURN_CHANGED = "return_changed"
    ARRIVAL_SETTLED = "arrival_settled"
    # people
    ACCOUNT_ADDED = "account_added"
    ROLES_CHANGED = "roles_changed"
    CLEARANCE_CHANGED = "clearance_changed"
    SHUT_OUT = "shut_out"
    LET_IN = "let_in"
    LINK_MADE = "link_made"
    LINK_FOLLOWED = "link_followed"
    CREDENTIALS_SET = "credentials_set"
    SECOND_FACTOR_FORGOTTEN = "second_factor_forgotten"
    SIGNED_IN = "signed_in"
    SESSION_ENDED = "session_ended"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_FORGOTTEN = "recovery_codes_forgotten"
    NATIONAL_LOGIN_LINKED = "national_login_linked"
    NATIONAL_LOGIN_UNLINKED = "national_login_unlinked"
    TOKEN_MADE = "token_made"  # noqa: S105 - the name of an act
    TOKENS_REVOKED = "tokens_revoked"
    # who is on duty, and where notices go
    ROSTER_CHANGED = "roster_changed"
    NOTICE_ADDRESS_SET = "notice_address_set"
    NOTICE_ADDRESS_REMOVED = "notice_address_removed"
    # webhooks
    WEBHOOK_MADE = "webhook_made"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_SECRET_CHANGED = "webhook_secret_changed"  # noqa: S105 - the name of an act
    WEBHOOK_REPLAYED = "webhook_replayed"
    # running the node
    AUDIT_EXPORTED = "audit_exported"
    BACKUP_NOTED = "backup_noted"
    BACKUP_TESTED = "backup_tested"
