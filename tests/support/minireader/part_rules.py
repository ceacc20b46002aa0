"""The rules of parts, written from the annex (MESSAGES.md, "Parts"): what breaks one is refused."""

from tests.support.minireader.rule_words import (
    Fields,
    Rule,
    after,
    alone,
    exactly_when,
    holds,
    never,
    one_of,
    only_when,
    ordered,
    some,
    unique,
    when,
    when_either,
)

LEVELS = ("not_yet_assessed", "low", "medium", "high")
GIVEN = "provided provided_in_part"
PROVISION: tuple[Rule, ...] = (
    exactly_when("provision", "refused formal_request_needed", "ground"),
    when("ground", "other", "note"),
)
COLLECTED = when("provision", GIVEN, "collected_by")
DECIDED = "decided_to_return decided_against"


def _is_not_worse_with_measures(place: Fields) -> bool:
    better = place.get("level_with_measures")
    return better is None or LEVELS.index(better) <= LEVELS.index(place["level"])


def _has_word_beside(*names: str) -> Rule:
    return lambda fields: any(holds(fields, name) for name in fields if name not in names)


PARTS: dict[str, tuple[Rule, ...]] = {
    "AfterShelterPart": (
        only_when("destination", "returned resettled_elsewhere", "returned"),
        when("destination", "other", "destination_note"),
    ),
    "Asset": (some("identifier", "description"),),
    "AssetFound": (one_of("suspect_number", "company_number"),),
    "AssistanceOption": (
        when("availability", "with_conditions", "conditions"),
        when("topic", "other", "description"),
        when("conditions", "other", "description"),
    ),
    "BestInterest": (
        exactly_when(
            "outcome", "in_best_interest not_in_best_interest", "determined_on", "determined_by"
        ),
    ),
    "CheckFinding": (when("result", "some_concern serious_concern", "note"),),
    "ChildrenPart": (
        some("narrative", "placed", "recommendations"),
        when("placed", "other", "narrative"),
    ),
    "ChunkRangeField": (ordered("first", "last"),),
    "Companion": (ordered("under_18", "number"),),
    "DocumentOutcome": (
        exactly_when("result", "issued", "issued_on", "delivery"),
        when("result", "in_preparation", "expected_on"),
        when("result", "personal_application_needed refused", "requirement"),
    ),
    "EarlierAssistance": (when("kind", "other", "note"),),
    "EarlyRiskQuestion": (when("decision_pending", "other", "note"),),
    "EvidenceObtained": (
        *PROVISION,
        COLLECTED,
        exactly_when("provision", "follows", "expected_on"),
    ),
    "EvidenceReply": (*PROVISION, COLLECTED),
    "FamilyReturn": (
        exactly_when("assessment", "suitable suitable_with_support not_suitable", "assessed_on"),
    ),
    "FileReply": (
        *PROVISION,
        exactly_when("provision", GIVEN, "redactions"),
        alone("redactions", "nothing"),
    ),
    "FileWanted": (when("kind", "other", "note"),),
    "FirstSupport": (when("accommodation", "other", "comment"),),
    "HealthServiceRecord": (only_when("given", "yes", "provider"),),
    "Identity": (_has_word_beside(),),
    "IdentityDocument": (when("kind", "other", "note"),),
    "Journey": (
        after("departure_at", "arrival_at"),
        when("mode", "other", "note"),
        alone("escorts", "none not_yet_known"),
    ),
    "NumbersField": (ordered("first", "last"),),
    "OnwardRule": (exactly_when("scope", "listed_authorities", "authorities"),),
    "OptionsQuestion": (when("topics", "other", "note"),),
    "Period": (some("first_day", "last_day"), ordered("first_day", "last_day")),
    "PersonSought": (
        some("identity", "last_known_places"),
        only_when("suspected", "no unknown", "may_be_told"),
        when("relation", "other", "note"),
    ),
    "PlaceSecurity": (_is_not_worse_with_measures, when("measures", "other", "measures_note")),
    "PlanActivity": (when("service", "other", "description"), ordered("starts_on", "ends_on")),
    "PlanConsent": (
        exactly_when("decision", "agreed agreed_in_part refused", "decided_by", "decided_on"),
        when("decision", "agreed_in_part", "part_note"),
    ),
    "PlanGoal": (when("area", "other", "goal"),),
    "PlanStep": (one_of("responsible", "responsible_provider"), when("step", "other", "note")),
    "PriorNotice": (
        exactly_when("state", "acknowledged not_acknowledged", "notice_message"),
        exactly_when("state", "acknowledged", "acknowledgement_message"),
    ),
    "ProceedingsPart": (never("criminal_started", "no", "criminal_ended", "yes"),),
    "ReceiptItem": (
        exactly_when("status", "rejected", "reason"),
        when("status", "delivered read", "payload_sha256"),
    ),
    "Reception": (
        some("authority", "provider"),
        only_when("accommodation", "shelter", "shelter_code"),
        when("accommodation", "other", "note"),
    ),
    "ReceptionGate": (exactly_when("state", "confirmed", "confirmation_message"),),
    "RecordFound": (
        exactly_when("outcome", "follows", "expected_on"),  # "only": from the vectors
        when("outcome", "withheld", "note"),
        when("kind", "other", "note"),
    ),
    "RecordWanted": (when("kind", "other", "note"),),
    "ReturnDecision": (
        exactly_when("state", DECIDED, "decided_on", "decided_by", "explained_in"),
        lambda fields: fields["on_file"] != "yes" or fields["state"] in DECIDED.split(),
    ),
    "ReturnGates": (exactly_when("destination", "family other_relatives", "family"),),
    "ReturnRisk": (exactly_when("level", "low medium high", "assessed_on"),),
    "ReturnRiskQuestion": (when("aspects", "other", "note"),),
    "RiskFinding": (when("level", "medium high", "finding"), when("aspect", "other", "finding")),
    "RiskMeasure": (
        one_of("responsible", "responsible_provider"),
        ordered("from_on", "until_on"),
    ),
    "RouteOffer": (
        never("route", "not_yet_chosen"),
        when("eligibility", "closed open_under_conditions", "conditions"),
    ),
    "ServiceProvider": (
        some("telephone", "mailbox", "authority"),
        when("kind", "shelter", "shelter_code"),
        only_when("kind", "shelter", "shelter_code"),  # from the vectors, not in the annex
        lambda fields: fields["kind"] != "shelter" or not some("place", "office_address")(fields),
    ),
    "ServiceRecord": (only_when("given", "yes", "provider"),),
    "SupportOffer": (ordered("from_on", "until_on"), when("service", "other", "note")),
    "Suspect": (_has_word_beside("role", "tie"),),
    "Threat": (when("kind", "other", "note"),),
    "TracingResult": (
        exactly_when("outcome", "found found_elsewhere", "wishes_contact", "would_receive_person"),
        when("outcome", "stopped_as_unsafe", "concerns"),
    ),
    "Vehicle": (some("registration", "description"),),
    "WantedDocument": (when("kind", "other", "description"),),
}

SYSTEM: dict[str, tuple[Rule, ...]] = {
    "RegistryConflictBody": (lambda fields: fields["held_sha256"] != fields["named_sha256"],),
    "ResendRequestBody": (some("numbers", "chunks", "restored"),),
    "ResendAnswerBody": (
        lambda fields: (
            [head["generation"] for head in fields["heads"]]
            == sorted({head["generation"] for head in fields["heads"]})
        ),
        unique("numbers", "generation", "seq"),
    ),
}

CONSENT_AND_ERASURE: dict[str, tuple[Rule, ...]] = {
    name: (
        exactly_when("outcome", "erased_in_part not_erased", "kept"),
        exactly_when("outcome", "erased erased_in_part", "erased_at"),
    )
    for name in ("ConsentWithdrawnAnswer", "ErasureAnswer")
}

GENERAL: dict[str, tuple[Rule, ...]] = {
    "CaseClosedBody": (when_either("outcome", "other", "procedure_note", "note"),),
    "ConsentWithdrawnBody": (
        when_either("scope", "part", "classes", "phases", "messages"),
        only_when("scope", "part", "classes", "phases", "messages"),
    ),
    "CorrectionBody": (
        when_either("effect", "corrects", "right_text", "replaced_by"),
        only_when("effect", "corrects", "right_text", "replaced_by"),
    ),
    "DecisionBody": (
        when("outcome", "accepted", "case_manager"),
        exactly_when("outcome", "declined", "decline_reason"),
        exactly_when("outcome", "forwarded", "forwarded_to"),
        when_either("outcome", "more_information_needed", "procedure_note", "note"),
    ),
    "ErasureBody": (exactly_when("scope", "listed_messages", "messages"),),
    "ResponseBody": (
        exactly_when("completeness", "full partial", "answer"),
        exactly_when("completeness", "none_available", "none_reason"),
        when_either("none_reason", "other", "procedure_note", "note"),
        only_when("completeness", "partial", "rest_expected_on"),
    ),
    "TrendAlertBody": (ordered("observed_from", "observed_to"),),
}
