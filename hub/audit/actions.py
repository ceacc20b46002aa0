"""What can be done at the hub, as the audit log names it. A code is never given another meaning."""

from enum import StrEnum


class Action(StrEnum):
    """One kind of act. Each module of the hub that lets people act adds its own here."""

    # accounts and sign-in (console.storage.witness.Deed)
    ACCOUNT_ADDED = "account_added"
    ROLES_CHANGED = "roles_changed"
    SHUT_OUT = "shut_out"
    LET_IN = "let_in"
    LINK_MADE = "link_made"
    LINK_FOLLOWED = "link_followed"
    CREDENTIALS_SET = "credentials_set"
    SECOND_FACTOR_FORGOTTEN = "second_factor_forgotten"
    SIGNED_IN = "signed_in"
    SESSION_ENDED = "session_ended"
    FORM_KEPT = "form_kept"
    FORM_SENT_AFTER_ALL = "form_sent_after_all"
    FORM_DISCARDED = "form_discarded"
    # the registry
    REGISTRY_PUBLISHED = "registry_published"
    # findings and lists: see hub.findings and hub.lists
    FINDING_TAKEN = "finding_taken"
    FINDING_ASSIGNED = "finding_assigned"
    FINDING_GIVEN_BACK = "finding_given_back"
    FINDING_RESOLVED = "finding_resolved"
    FINDING_REOPENED = "finding_reopened"
    LIST_BROUGHT_IN = "list_brought_in"
    LIST_MAPPED = "list_mapped"
    LIST_DRAFTED = "list_drafted"
    LIST_DISCARDED = "list_discarded"
    REGISTRY_EXPORTED = "registry_exported"
    # changes and corrections: see hub.changes
    CHANGE_EDITED = "change_edited"
    CHANGE_PREPARED = "change_prepared"
    CHANGE_SIGNED = "change_signed"
    CHANGE_REOPENED = "change_reopened"
    CHANGE_SENT = "change_sent"
    CHANGE_PUBLISHED = "change_published"
    CHANGE_REFUSED = "change_refused"
    CHANGE_MERGED = "change_merged"
    CHANGE_IN_CONFLICT = "change_in_conflict"
    CHANGE_RESOLVED = "change_resolved"
    CHANGE_SUPERSEDED = "change_superseded"
    CHANGE_WITHDRAWN = "change_withdrawn"
    CORRECTION_ASKED = "correction_asked"
    CORRECTION_SETTLED = "correction_settled"
    CORRECTION_WITHDRAWN = "correction_withdrawn"
    # drills and reminders: see hub.drills
    DRILL_ASKED = "drill_asked"
    DRILL_ANSWERED = "drill_answered"
    DRILL_ANSWER_RECORDED = "drill_answer_recorded"
    DRILL_GIVEN_UP = "drill_given_up"
    DRILL_WITHDRAWN = "drill_withdrawn"
    REMINDER_SENT = "reminder_sent"
    # the network: see hub.network
    ALERT_TAKEN = "alert_taken"
    ALERT_GIVEN_BACK = "alert_given_back"
    ADMISSION_COMPARED = "admission_compared"
