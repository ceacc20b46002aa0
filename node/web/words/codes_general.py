"""What the codes of the messages on messages of every phase are called."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import msg, pmsg
from directory_pages.codes import Labels
from node.web.words.shared import OTHER
from protocol.messages.general import (
    CaseOutcome,
    CorrectionEffect,
    CorrectionReason,
    ErasureGround,
    ErasureOutcome,
    ErasureScope,
    WithdrawalScope,
)
from protocol.messages.response import Completeness, NoAnswerReason
from protocol.messages.trend import TrendTopic

GENERAL_CODES: Final[Mapping[type[StrEnum], Labels]] = MappingProxyType({
    Completeness: {
        Completeness.FULL: msg("Yes, in full"),
        Completeness.PARTIAL: pmsg("completeness", "Partly"),
        Completeness.NONE_AVAILABLE: msg("Not available"),
    },
    ErasureOutcome: {
        ErasureOutcome.ERASED: msg("All of it is deleted"),
        ErasureOutcome.ERASED_IN_PART: msg("Deleted in part"),
        ErasureOutcome.NOT_ERASED: msg("Nothing is deleted"),
    },
    NoAnswerReason: {
        NoAnswerReason.NOT_KNOWN_HERE: msg("It is not known here"),
        NoAnswerReason.NOT_COMPETENT: msg("We are not competent"),
        NoAnswerReason.NO_LEGAL_BASIS: msg("There is no legal basis"),
        NoAnswerReason.PERSON_DOES_NOT_CONSENT: msg("The person does not consent"),
        NoAnswerReason.WOULD_ENDANGER: msg("It would endanger somebody"),
        NoAnswerReason.WOULD_HARM_PROCEEDINGS: msg("It would harm proceedings"),
        NoAnswerReason.OTHER: OTHER,
    },
    WithdrawalScope: {
        WithdrawalScope.ALL: pmsg("withdrawal scope", "Everything"),
        WithdrawalScope.PART: msg("A part"),
    },
    CorrectionEffect: {
        CorrectionEffect.CORRECTS: msg("It corrects the message"),
        CorrectionEffect.RETRACTS: msg("It takes the message back"),
    },
    CorrectionReason: {
        CorrectionReason.WRONG_FACTS: msg("Facts are wrong"),
        CorrectionReason.WRONG_PERSON: msg("It is about another person"),
        CorrectionReason.WRONG_RECIPIENT: msg("It went to the wrong recipient"),
        CorrectionReason.NO_LONGER_NEEDED: msg("It is no longer needed"),
        CorrectionReason.PERSON_DECIDED_OTHERWISE: msg("The person decided otherwise"),
        CorrectionReason.SENT_BY_MISTAKE: msg("It was sent by mistake"),
    },
    ErasureScope: {
        ErasureScope.WHOLE_CASE: msg("The whole case"),
        ErasureScope.LISTED_MESSAGES: msg("Some messages"),
    },
    ErasureGround: {
        ErasureGround.CONSENT_WITHDRAWN: msg("Consent was withdrawn"),
        ErasureGround.RETENTION_OVER: msg("The time for keeping it is over"),
        ErasureGround.DEMAND_OF_THE_PERSON: msg("The person demands it"),
        ErasureGround.SENT_BY_MISTAKE: msg("It was sent by mistake"),
        ErasureGround.DECISION_OF_AN_AUTHORITY: msg("Decision of an authority"),
    },
    CaseOutcome: {
        CaseOutcome.OBJECTIVES_REACHED: msg("What was wanted is reached"),
        CaseOutcome.RETURNED_SAFELY: msg("Returned safely"),
        CaseOutcome.SETTLED_ELSEWHERE: msg("Settled elsewhere"),
        CaseOutcome.TRANSFERRED: msg("Handed over to others"),
        CaseOutcome.ENDED_BY_THE_PERSON: msg("The person ended it"),
        CaseOutcome.CONTACT_LOST: msg("Contact was lost"),
        CaseOutcome.NOT_A_TRAFFICKING_CASE: msg("Not a case of trafficking"),
        CaseOutcome.PERSON_DIED: msg("The person died"),
        CaseOutcome.OTHER: OTHER,
    },
    TrendTopic: {
        TrendTopic.RECRUITMENT: pmsg("code", "Recruitment"),
        TrendTopic.TRANSPORT_AND_ROUTES: msg("Transport and routes"),
        TrendTopic.EXPLOITATION: pmsg("code", "Exploitation"),
        TrendTopic.DOCUMENTS: pmsg("code", "Documents"),
        TrendTopic.ONLINE: msg("On the internet"),
        TrendTopic.MONEY: msg("Flows of money"),
        TrendTopic.OTHER: OTHER,
    },
})  # fmt: skip
