"""Which lines may leave without any legal basis: a list that somebody reads before it grows."""

from typing import Any, Final, get_args

from pydantic import BaseModel

from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import Line, Narrative, Sensitivity, get_sensitivity
from tests.support.examples import list_models

#: Offices, organisations with their public data, the law, procedure, trends. Nothing here asks for
#: a private person, for where somebody is, or for what somebody does for the person of a case.
SPEAKS_OF_NOBODY: Final = {
    "AssistanceOption": {"description", "how_to_apply", "legal_source"},
    "AssistedReturnBody": {"programme"},
    "BestInterest": {"determined_by"},
    "CaseClosedBody": {"procedure_note"},
    "CaseManager": {"mailbox", "post", "reachable", "telephone"},
    "CivilDocumentsAnswer": {"fees"},
    "ConsentWithdrawnBody": {"procedure_note"},
    "CorrectionBody": {"procedure_note"},
    "CredibilityFinding": {"source"},
    "DecisionBody": {"procedure_note"},
    "EarlyRiskAnswer": {"assessed_by"},
    "ErasureBody": {"procedure_note"},
    "EvidenceRequestAnswer": {"executed_by"},
    "FamilySituationAnswer": {"assessed_by"},
    "FormalStatusBody": {"decided_by"},
    "JointInvestigationAnswer": {"approval_by"},
    "KeptMessage": {"duty"},
    "NeedsAssessmentBody": {"assessed_by"},
    "ProtectionHistoryAnswer": {"records_searched"},
    "ProviderCredibilityAnswer": {"conditions"},
    "ProviderCredibilityBody": {"name", "other_names", "place", "registration_number", "website"},
    "ResponseBody": {"procedure_note"},
    "ReturnRiskAnswer": {"assessed_by"},
    "SecurityAnswer": {"assessed_by"},
    "SecurityFamilyCheckAnswer": {"checked_by"},
    "ServiceProvider": {
        "conditions",
        "mailbox",
        "name",
        "office_address",
        "place",
        "reachable",
        "telephone",
    },
    "StatementAnswer": {"taken_by"},
    "TravelDocumentsAnswer": {"collect_at", "consulate"},
    "TravelDocumentsBody": {"consulate"},
    "TrendAlertBody": {"advice", "description", "title"},
    "VideoLink": {"system"},
}
_HYGIENE: Final = {get_args(text)[-1] for text in (Line, Narrative)}


def is_free_text(model: type[BaseModel], name: str) -> bool:
    """Whether somebody writes words of their own into the field."""
    info = model.model_fields[name]
    return bool(_HYGIENE & set(_list_marks(info.annotation) + _list_hashable(info.metadata)))


def _list_hashable(marks: list[Any]) -> list[Any]:
    return [mark for mark in marks if type(mark).__hash__ is not None]


def _list_marks(annotation: Any) -> list[Any]:
    inner = get_args(annotation)
    return _list_hashable(list(inner)) + [mark for part in inner for mark in _list_marks(part)]


def test_a_line_without_class_is_on_the_list() -> None:
    """Words that need neither consent nor agreement are where we decided so, and nowhere else."""
    bodies = [entry.model.model_fields.get("body") for entry in CATALOGUE.values()]
    models = {
        model
        for body in bodies
        if body is not None and isinstance(body.annotation, type)
        for model in list_models(body.annotation)
    }
    found: dict[str, set[str]] = {}
    for model in models:
        for name in model.model_fields:
            if get_sensitivity(model, name) is Sensitivity.NONE and is_free_text(model, name):
                found.setdefault(model.__name__, set()).add(name)
    assert found == SPEAKS_OF_NOBODY
