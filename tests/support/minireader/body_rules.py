"""The rules of bodies, typed answers and types, written from the annex (MESSAGES.md)."""

from itertools import pairwise

from tests.support.minireader.part_rules import LEVELS
from tests.support.minireader.rule_words import (
    Fields,
    Rule,
    after,
    exactly_when,
    holds,
    never,
    only_when,
    ordered,
    says,
    some,
    unique,
    when,
)

STATED_IN = {
    "name": ("family_name", "given_names"),
    "birth_date": ("birth_date",),
    "birth_place": ("birth_place",),
    "sex": ("sex",),
    "nationality": ("nationalities",),
    "document": ("documents",),
    "parents": ("parents_names",),
}


def is_treated_as_child(body: Fields) -> bool:
    """Tell whether the body treats the person as a child (10.1)."""
    answer = body.get("answer") or {}
    return (
        says(body, "person_group", "child")
        or says(body, "age_group", "under_18")
        or says(body, "possibly_under_18", "yes")
        or says(answer, "under_18", "yes")
        or "best_interest" in answer
        or (says(body, "age_group", "unknown") and not says(body, "possibly_under_18", "no"))
    )


def _states_what_to_verify(body: Fields) -> bool:
    return all(
        some(*STATED_IN[element])(body["subject"])
        for element in body["to_verify"]
        if element in STATED_IN
    )


def _is_sum_of_elements(answer: Fields) -> bool:
    outcomes = {element["outcome"] == "confirmed" for element in answer["elements"]}
    sums = {"confirmed": {True}, "not_confirmed": {False}, "partly_confirmed": {True, False}}
    return outcomes == sums[answer["result"]]


def _was_exploited_in_known_form(body: Fields) -> bool:
    forms = set(body.get("exploitation_forms") or [])
    return body["status"] != "formally_identified" or bool(forms - {"unknown"})


def _is_child_protected(body: Fields) -> bool:
    guarded = all(body["conditions"][one] == "required" for one in ("guardian", "psychologist"))
    own = body["statement_of"] == "the_person"
    return not (own and body["person_group"] == "child") or guarded


def _has_work_that_was_refused(body: Fields) -> bool:
    progress = {
        activity["progress"]
        for goal in body.get("goals") or []
        for activity in goal.get("activities") or []
    }
    return body["consent"]["decision"] == "refused" and bool(progress & {"under_way", "reached"})


def _has_reviews_in_order(body: Fields) -> bool:
    points = ("six_months", "one_year", "two_years")
    reviews = body.get("reviews") or []
    places = [(points.index(one["at"]), one["held_on"]) for one in reviews]
    return all(first[0] < second[0] and first[1] < second[1] for first, second in pairwise(places))


def _has_provider_or_reason(body: Fields) -> bool:
    services = body.get("services") or {}
    named = any(holds(one, "provider") for one in services.values() if one)
    return not (named and holds(body, "no_provider_reason"))


def _matches_highest_finding(answer: Fields) -> bool:
    highest = max((LEVELS.index(one["level"]) for one in answer.get("findings") or []), default=0)
    return answer["level"] in LEVELS[1:] and LEVELS.index(answer["level"]) >= highest


def _asks_best_interest_of_children(body: Fields) -> bool:
    child = is_treated_as_child(body)
    question, information = body.get("question"), body.get("information")
    asked = question is None or says(question, "aspects", "best_interest_of_the_child") == child
    return asked and (information is None or holds(information, "best_interest") == child)


def _heeds_findings(answer: Fields) -> bool:
    refuted = [one["question"] for one in answer.get("findings") or [] if one["result"] == "no"]
    if answer["verdict"] == "vouched_for":
        return not refuted
    with_conditions = answer["verdict"] == "vouched_for_with_conditions"
    return not (with_conditions and "free_of_links_to_traffickers" in refuted)


def _checks_without_contact(body: Fields) -> bool:
    suspected = any(says(one, "suspected", "yes") for one in body.get("household") or [])
    forbidden = suspected or body["person_agrees"] != "yes"
    return not forbidden or body["manner"] == "without_contact"


def _measures_what_needs_measures(answer: Fields) -> bool:
    high = any(one["level"] == "high" for one in answer["places"])
    measured = any(holds(one, "measures") for one in answer["places"])
    return not (high and answer["advice"] == "go_ahead") and (
        answer["advice"] != "go_ahead_with_measures" or measured
    )


def _gives_or_not(answer: Fields) -> bool:
    given, not_possible = (set(answer.get(one) or []) for one in ("protection", "not_possible"))
    return not given & not_possible


def _searches_as_long_as_it_says(answer: Fields) -> bool:
    goes_on = any(one["outcome"] == "search_continues" for one in answer["results"])
    return goes_on == holds(answer, "search_continues_until")


def _took_over(body: Fields) -> bool:
    child_arrived = says(body, "outcome", "arrived") and is_treated_as_child(body)
    return holds(body, "guardian_took_over") == child_arrived


MISSING = "did_not_arrive arrived_but_left"
CAME = "arrived arrived_but_left"
GRANTED = "granted_not_paid paid_in_part paid"

BODIES: dict[str, tuple[Rule, ...]] = {
    "ArrivalConfirmationBody": (
        exactly_when("outcome", CAME, "arrived_at", "state"),
        when("outcome", "arrived", "reception"),
        when("outcome", "delayed", "expected_at"),
        exactly_when("outcome", MISSING, "search_measures", "danger_suspected"),
        _took_over,
    ),
    "ArrivalReceptionBody": (some("journey.arrival_place"), some("journey.arrival_at")),
    "AssetTracingBody": (some("suspects", "companies"), when("asset_kinds", "other", "note")),
    "AssistancePlanBody": (
        ordered("starts_on", "ends_on"),
        never("person_group", "child", "consent.decided_by", "person"),
        when("change", "ended_early", "note"),
        lambda body: not _has_work_that_was_refused(body),
    ),
    "CaseFollowUpBody": (
        _has_provider_or_reason,
        when("preference", "other", "preference_note"),
        _has_reviews_in_order,
        when("person_group", "child", "children"),
    ),
    "CivilDocumentsBody": (when("purpose", "other", "note"),),
    "CompensationSupportBody": (
        lambda body: body["stage"] == "not_yet_made" or holds(body, "route"),
        lambda body: body["stage"] == "not_yet_made" or body["route"] != "not_yet_chosen",
        when("support", "other", "note"),
    ),
    "FamilySituationBody": (
        lambda body: body["family_suspected"] == "no" or body["approach"] == "records_only",
        # Not in the annex: from the vector "nobody visits against the person's will".
        lambda body: body["person_agrees_to_contact"] != "no" or body["approach"] == "records_only",
    ),
    "FamilyTracingBody": (never("person_agrees", "no"), when("purpose", "other", "note")),
    "FormalStatusBody": (
        exactly_when("status", "formally_identified not_identified", "decided_on", "decided_by"),
        _was_exploited_in_known_form,
        after("decided_on", "appeal_possible_until"),
    ),
    "IdentityCheckBody": (_states_what_to_verify, when("purpose", "other", "note")),
    "InterpretationBody": (when("mode", "in_person", "town"), when("occasion", "other", "note")),
    "JointInvestigationBody": (ordered("starts_on", "ends_on"),),
    "MedicalRecordsBody": (when("purpose", "other", "note"),),
    "NeedsAssessmentBody": (unique("needs", "need"), after("assessed_on", "review_on")),
    "ProtectionHistoryBody": (when("purpose", "other", "note"), when("kinds", "other", "note")),
    "ProviderCredibilityBody": (when("reason", "earlier_doubts", "doubts"),),
    "ReturnNotificationBody": (
        when("stage", "planned", "earliest_on", "latest_on"),
        ordered("earliest_on", "latest_on"),
        when("stage", "date_fixed under_way", "journey.arrival_at"),
    ),
    "ReturnRiskBody": (_asks_best_interest_of_children,),
    "SecurityFamilyCheckBody": (
        _checks_without_contact,
        exactly_when("manner", "contact_without_the_reason open_contact", "may_be_told"),
        when("placement", "other", "note"),
    ),
    "ServiceContactsBody": (when("services", "other", "note"),),
    "StatementRequestBody": (
        _is_child_protected,
        exactly_when("statement_of", "relative professional other_witness", "witness_role"),
    ),
    "TravelDocumentsBody": (
        when("papers_ready", "other", "note"),
        only_when("person_agrees_to_contact", "yes unknown", "consulate"),
        lambda body: (
            body["document"] != "permit_for_a_child_to_travel" or is_treated_as_child(body)
        ),
    ),
    "WitnessConditionBody": (never("person_agrees", "no"),),
    "WitnessSupportBody": (
        some("services", "protection"),
        exactly_when("protection", "video_link", "video_link"),
        when("services", "other", "note"),
    ),
}

ANSWERS: dict[str, tuple[Rule, ...]] = {
    "ArrivalReceptionAnswer": (
        when(
            "reply",
            "confirmed confirmed_with_changes",
            *("reception", "meeting_place", "meeting_at", "met_by", "case_manager"),
        ),
        when("reply", "not_possible", "note"),
    ),
    "AssetTracingAnswer": (when("searched", "other", "note"),),
    "AssistedReturnAnswer": (
        when("agreement", "not_agreed agreed_with_changes", "note"),
        when("agreement", "agreed agreed_with_changes", "case_manager"),
    ),
    "CaseFileCopiesAnswer": (unique("files", "number"),),
    "CompensationSupportAnswer": (
        some("routes", "support_given", "amount_granted"),
        exactly_when("stage", GRANTED, "amount_granted"),
        ordered("decided_on", "paid_on"),
        when("support_given", "other", "note"),
    ),
    "EarlyRiskAnswer": (
        exactly_when("level", "low medium high", "assessed_at"),
        after("assessed_at", "review_on"),
        when("measures_taken", "other", "measures_note"),
    ),
    "EvidenceExchangeAnswer": (unique("items", "number"),),
    "EvidenceRequestAnswer": (unique("items", "number"),),
    "FamilySituationAnswer": (
        exactly_when("learned_by", "home_visit conversation", "visited_on"),  # "only": vectors
        when("known_risks", "other", "note"),
    ),
    "FamilyTracingAnswer": (unique("results", "number"), _searches_as_long_as_it_says),
    "IdentityCheckAnswer": (
        unique("elements", "element"),
        _is_sum_of_elements,
        when("sources", "other", "note"),
    ),
    "JointInvestigationAnswer": (
        exactly_when("position", "agreed_with_conditions counter_proposal", "conditions"),
        when("position", "awaiting_approval", "approval_by"),
    ),
    "ProtectionHistoryAnswer": (
        exactly_when("assisted_before", "yes", "spells"),
        when("entitled_now", "other", "note"),  # from the vectors, not in the annex
    ),
    "ProviderCredibilityAnswer": (
        unique("findings", "question"),
        exactly_when("verdict", "vouched_for_with_conditions", "conditions"),
        _heeds_findings,
    ),
    "ReturnRiskAnswer": (
        _matches_highest_finding,
        never("level", "high", "recommendation", "return_possible"),
        when("recommendation", "possible_with_measures", "plan"),
        lambda answer: holds(answer, "plan") == holds(answer, "plan_agreed_with_person"),
        after("assessed_on", "review_on"),
    ),
    "SecurityAnswer": (ordered("assessed_on", "valid_until"), _measures_what_needs_measures),
    "SecurityFamilyCheckAnswer": (
        unique("findings", "aspect"),
        exactly_when("advice", "suitable_with_conditions", "conditions"),
        lambda answer: (
            answer["advice"] != "suitable"
            or all(one["result"] != "serious_concern" for one in answer["findings"])
        ),
    ),
    "StatementAnswer": (
        exactly_when("outcome", "taken", "taken_on", "taken_by"),
        exactly_when("outcome", "arranged", "arranged_for"),
        only_when("outcome", "taken", "said"),
        unique("said", "question"),
    ),
    "TraffickingInformationAnswer": (
        lambda answer: any(
            holds(answer, one) for one in answer if one not in {"answers", "source", "accuracy"}
        ),
        when("exploitation_forms", "other", "note"),
        when("recruitment", "other", "note"),
        when("control", "other", "note"),
    ),
    "TravelDocumentsAnswer": (
        when("state", "issued", "collect_at"),
        when("state", "in_preparation", "available_on"),
        exactly_when("state", "more_needed", "missing"),
        exactly_when("state", "refused", "refused_because"),
        when("missing", "other", "note"),
    ),
    "WitnessConditionAnswer": (
        when("fitness", "fit_under_conditions", "conditions"),
        exactly_when("fitness", "not_now could_not_be_assessed", "assess_again_on"),
        ordered("assessed_on", "assess_again_on"),
    ),
    "WitnessSupportAnswer": (
        some("offers", "protection", "not_possible"),
        _gives_or_not,
        exactly_when("protection", "video_link", "video_link"),
    ),
}

TYPES: dict[str, tuple[Rule, ...]] = {
    "return.arrival_confirmation": (never("body.outcome", MISSING, "urgency", "standard"),),
    "proceedings.evidence_exchange": (
        never("body.use", "evidence_in_court", "formality", "informal"),
    ),
    "proceedings.asset_tracing": (
        never("body.purpose", "freezing confiscation", "formality", "informal"),
    ),
    "social_inclusion.assistance_plan": (
        lambda fields: (
            (fields["body"]["change"] == "drawn_up") == (fields["kind"] == "notification")
        ),
    ),
}


def find_family_faults(body: Fields, *, has_child_part: bool, has_gates: bool) -> bool:
    """Tell whether the rules that several bodies share are broken: the child's part, gates."""
    child = is_treated_as_child(body)
    if has_child_part and holds(body, "child") != child:
        return True
    if not has_gates:
        return False
    gates = body["gates"]
    decided_by_wrong = says(gates, "decision.decided_by", "person" if child else "parent")
    return holds(gates, "best_interest") != child or decided_by_wrong
