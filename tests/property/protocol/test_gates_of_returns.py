"""Properties of messages on returns and proceedings: what is changed, and what opens a gate."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from protocol.messages.arrival import (
    ArrivalConfirmation,
    ArrivalReceptionAnswer,
    ArrivalReceptionRequest,
)
from protocol.messages.codes import RiskLevel
from protocol.messages.family_tracing import FamilyTracingAnswer, FamilyTracingRequest
from protocol.messages.fields import TriState
from protocol.messages.proceedings import (
    CaseFileCopiesAnswer,
    CaseFileCopiesRequest,
    EvidenceExchangeAnswer,
    EvidenceExchangeRequest,
)
from protocol.messages.redress import (
    AssetTracingAnswer,
    AssetTracingRequest,
    CompensationSupportAnswer,
    CompensationSupportRequest,
)
from protocol.messages.return_gates import find_unmet_gates
from protocol.messages.return_preparation import ReturnRiskAnswer, ReturnRiskAssessment
from protocol.messages.return_readiness import (
    BestInterestOutcome,
    DecisionState,
    FamilyAssessment,
    ReceptionState,
)
from protocol.messages.returning import (
    AssistedReturnAnswer,
    AssistedReturnRequest,
    ReturnNotification,
)
from protocol.messages.travel_documents import TravelDocumentsAnswer, TravelDocumentsRequest
from protocol.messages.witnesses import (
    WitnessConditionAnswer,
    WitnessConditionRequest,
    WitnessSupportAnswer,
    WitnessSupportRequest,
)
from tests.support.examples import apply, list_good, list_good_answers, read_as

ASKED: Final[tuple[type[BaseModel], ...]] = (
    ReturnNotification,
    AssistedReturnRequest,
    ArrivalReceptionRequest,
    ArrivalConfirmation,
    ReturnRiskAssessment,
    FamilyTracingRequest,
    TravelDocumentsRequest,
    EvidenceExchangeRequest,
    CaseFileCopiesRequest,
    WitnessSupportRequest,
    WitnessConditionRequest,
    AssetTracingRequest,
    CompensationSupportRequest,
)
ANSWERED: Final[tuple[type[BaseModel], ...]] = (
    AssistedReturnAnswer,
    ArrivalReceptionAnswer,
    ReturnRiskAnswer,
    FamilyTracingAnswer,
    TravelDocumentsAnswer,
    EvidenceExchangeAnswer,
    CaseFileCopiesAnswer,
    WitnessSupportAnswer,
    WitnessConditionAnswer,
    AssetTracingAnswer,
    CompensationSupportAnswer,
)
EXAMPLES: Final[list[tuple[type[BaseModel], dict[str, Any]]]] = [
    *(
        (model, fields)
        for model in ASKED
        for _, fields in list_good(model.model_fields["type"].default)
    ),
    *(
        (model, fields)
        for model in ANSWERED
        for _, fields in list_good_answers(model.model_fields["answers"].default)
    ),
]


def _list_places(tree: Any, path: str = "") -> Iterator[str]:
    if path:
        yield path
    steps: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, dict):
        steps = tree.items()
    elif isinstance(tree, list):
        steps = enumerate(tree)
    for step, inner in steps:
        yield from _list_places(inner, f"{path}.{step}" if path else str(step))


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(data=st.data())
def test_a_changed_message_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever one place is changed to, reading ends in a message or a validation error."""
    model, fields = data.draw(st.sampled_from(EXAMPLES))
    place = data.draw(st.sampled_from(sorted(_list_places(fields))))
    if data.draw(st.booleans()):
        changed = apply(fields, {place: data.draw(JSON)})
    else:
        changed = apply(fields, {}, [place])
    try:
        message = read_as(model, changed)
    except ValidationError:
        return
    written = message.model_dump_json(exclude_none=True)
    assert model.model_validate_json(written) == message


CHILD: Final = dict(list_good("return.return_notification"))["everything filled"]
ADULT: Final = dict(list_good("return.return_notification"))[
    "an adult's return with every gate met"
]
OPEN_IN: Final[dict[str, list[Any]]] = {
    "decision.state": list(DecisionState),
    "decision.voluntary": list(TriState),
    "decision.on_file": list(TriState),
    "risk.level": list(RiskLevel),
    "risk.management_plan": list(TriState),
    "reception.state": list(ReceptionState),
    "best_interest.outcome": list(BestInterestOutcome),
    "best_interest.child_heard": list(TriState),
    "best_interest.guardian_agrees": list(TriState),
    "family.assessment": list(FamilyAssessment),
    "family.person_agrees": list(TriState),
    "family.family_agrees": list(TriState),
}
#: What has to be given or left out with a value of the place.
GIVEN_WITH: Final[dict[str, tuple[frozenset[str], tuple[str, ...]]]] = {
    "decision.state": (
        frozenset({"still_deciding", "not_asked"}),
        ("decision.decided_on", "decision.decided_by", "decision.explained_in"),
    ),
    "risk.level": (frozenset({"not_yet_assessed"}), ("risk.assessed_on",)),
    "reception.state": (
        frozenset({"requested", "not_yet_requested", "declined"}),
        ("reception.confirmation_message",),
    ),
    "best_interest.outcome": (
        frozenset({"not_yet_determined"}),
        ("best_interest.determined_on", "best_interest.determined_by"),
    ),
    "family.assessment": (frozenset({"not_yet_assessed"}), ("family.assessed_on",)),
}
MUST_BE: Final[dict[str, frozenset[str]]] = {
    "decision.state": frozenset({"decided_to_return"}),
    "decision.voluntary": frozenset({"yes"}),
    "decision.on_file": frozenset({"yes"}),
    "risk.level": frozenset({"low", "medium", "high"}),
    "reception.state": frozenset({"confirmed"}),
    "best_interest.outcome": frozenset({"in_best_interest"}),
    "best_interest.child_heard": frozenset({"yes"}),
    "best_interest.guardian_agrees": frozenset({"yes"}),
    "family.assessment": frozenset({"suitable", "suitable_with_support"}),
    "family.person_agrees": frozenset({"yes"}),
    "family.family_agrees": frozenset({"yes"}),
}


@given(data=st.data())
def test_gates_are_open_only_if_all_is_as_the_rule_asks(data: st.DataObject) -> None:
    """Over combinations of what may be said, nothing is unmet exactly if every part is as asked."""
    base = data.draw(st.sampled_from([ADULT, CHILD]))
    gates = base["body"]["gates"]
    places = [place for place in OPEN_IN if place.split(".")[0] in gates]
    # Few places change at a time, or a whole that is open would hardly ever be drawn.
    chosen = data.draw(st.lists(st.sampled_from(places), unique=True, max_size=3))
    said = {place: str(data.draw(st.sampled_from(OPEN_IN[place]))) for place in chosen}
    left_out = [
        f"body.gates.{part}"
        for place, value in said.items()
        if place in GIVEN_WITH and value in GIVEN_WITH[place][0]
        for part in GIVEN_WITH[place][1]
    ]
    changed = apply(base, {f"body.gates.{place}": said[place] for place in said}, left_out)
    now = {
        place: changed["body"]["gates"][place.split(".")[0]][place.split(".")[1]]
        for place in places
    }
    as_asked = all(now[place] in MUST_BE[place] for place in places if place in MUST_BE) and (
        now["risk.level"] == "low" or now["risk.management_plan"] == "yes"
    )
    try:
        body = read_as(ReturnNotification, changed).body
    except ValidationError as error:
        # Only one thing cannot even be said: a decision on file that nobody made.
        assert now["decision.on_file"] == "yes"
        assert now["decision.state"] in GIVEN_WITH["decision.state"][0]
        assert [item["loc"] for item in error.errors()] == [("body", "gates", "decision")]
        return
    assert (find_unmet_gates(body) == ()) == as_asked
