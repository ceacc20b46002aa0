"""What the screens of a message show beside its fields: desks, deadlines, consents, the policy."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from console.formats import name_place
from console.i18n import Message, msg
from contact_registry.routing import Gap
from directory_pages.codes import LANGUAGES, say_language
from node.service.attachments.staging import StagedFile
from node.service.building import Draft
from node.service.context import RefusedDraftError
from node.web.checking import find_deadline
from node.web.composition import Composition, Screen, is_reachable
from node.web.desks import explain_choice, look_of_gap, make_card
from node.web.fields import FormField, group_by_class
from node.web.file_words import say_size
from node.web.labels import explain_codes, list_choices, say_code, say_type
from node.web.legal_basis import Basis, describe_basis, name_classes
from node.web.policy_preview import preview_policy
from node.web.purposes import Purpose, Shape, label_plan, list_purposes
from node.web.refusing import say_refused
from node.web.showing import show_body, sort_facts
from node.web.site import Site
from node.web.states import look_of_urgency
from node.web.terms import SCOPES, say_onward
from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.codes import AgeGroup, Formality, Urgency
from protocol.messages.head import OnwardScope


def digest_draft(draft: Draft) -> str:
    """Name exactly what a check page shows: SHA-256 over the draft's JSON, in hex."""
    return sha256(draft.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ScreenViews:
    """Describes the screens of one message for their templates."""

    site: Site
    composition: Composition
    files: Sequence[StagedFile]

    def describe(self, screen: Screen) -> dict[str, Any]:
        """Say what a screen shows."""
        match screen:
            case Screen.LINK:
                return self._describe_link()
            case Screen.DESK:
                return self._describe_desk()
            case Screen.FACTS:
                return {"parts": group_facts(self._list_facts())}
            case Screen.BASIS:
                return self._describe_basis()
            case _:
                return {"spoken": list(LANGUAGES.items()), "say_code": say_code}

    def _describe_link(self) -> dict[str, Any]:
        composition, directory = self.composition, self.site.context.directory.current()
        others = [e for e in directory.participants if e.code != composition.participant]
        notification = replace(
            composition, draft=replace(composition.draft, kind=Purpose.NOTIFICATION.value)
        )
        ties = notification.screen_form(Screen.LINK)
        return {
            "participants": [
                (e.code, name_place(e.code, e.display_name))
                for e in others
                if is_reachable(directory, e.code)
            ],
            "without_node": [
                name_place(e.code, e.display_name)
                for e in others
                if not is_reachable(directory, e.code)
            ],
            "ties": ties.fields[0] if ties else None,
            "purposes": [
                (label, [(plan.value, label_plan(plan)) for plan in plans])
                for label, plans in list_purposes()
            ],
            "what": say_purpose(composition),
            "chosen": _name_choice(composition),
            "phases": list_choices(Phase),
            "channels": [(c.value, say_code(c)) for c in composition.plan.channels],
        }

    def _list_facts(self) -> list[FormField]:
        form = self.composition.screen_form(Screen.FACTS)
        return [] if form is None else [_without_child_age(leaf) for leaf in form.fields]

    def _describe_desk(self) -> dict[str, Any]:
        context, composition = self.site.context, self.composition
        now, directory = context.clock(), context.directory.current()
        recipient = ParticipantCode(composition.recipient)
        answer = composition.resolve_desk(directory, at=now)
        if isinstance(answer, Gap):
            return {"desk": None, "gap": look_of_gap(answer), "cards": [], "urgencies": []}
        cards = [
            make_card(authority, directory.contacts[recipient], now=now)
            for authority in (answer.authority, *answer.alternatives)
        ]
        return {
            "desk": answer,
            "reasons": list(explain_choice(answer)),
            "say_language": say_language,
            "cards": cards,
            "urgencies": self._list_urgencies(answer.authority.id),
            "expects_answer": composition.expects_answer,
        }

    def _list_urgencies(self, desk: str) -> list[tuple[str, Any, Any]]:
        """List the urgencies that the rules allow, each with its deadline at the desk."""
        floor = self.composition.urgency_floor
        return [
            (urgency.value, say_code(urgency), self.find_deadline(urgency, desk=desk))
            for urgency in Urgency
            if not (urgency is Urgency.STANDARD and floor is not Urgency.STANDARD)
        ]

    def find_deadline(self, urgency: Urgency, *, desk: str) -> datetime | None:
        """Say when an answer is due at the latest, as it will be when the message is sent."""
        context = self.site.context
        directory, now = context.directory.current(), context.clock()
        return find_deadline(self.composition, directory, desk=desk, at=now, urgency=urgency)

    def _describe_basis(self) -> dict[str, Any]:
        composition = self.composition
        form = composition.screen_form(Screen.BASIS)
        return {
            "is_text": composition.plan.shape is Shape.TEXT,
            "is_form": composition.plan.shape is Shape.FORM,
            "groups": group_by_class(list(form.fields) if form else []),
            "classes": explain_codes(composition.classes()),
            "barred": name_classes(frozenset(composition.barred_classes())),
            "agreed": name_classes(composition.around.agreed),
            "fixed_formality": composition.plan.fixed_formality,
            "formalities": explain_codes(Formality),
            "say_code": say_code,
            **describe_basis(composition.basis, is_child=composition.is_child),
            **describe_onward(self.site, composition),
        }

    def describe_check(
        self, missing: Mapping[str, Any], build: Callable[[Composition], Draft]
    ) -> dict[str, Any]:
        """Say what would leave, what stays here, and what the policy says of it."""
        composition = self.composition
        described: dict[str, Any] = {
            "missing": missing,
            "refusal": None,
            "policy": None,
            "shown": [],
            "what": say_purpose(composition),
            "screen_of": self._screen_of,
            "urgency": look_of_urgency(composition.urgency),
            "withheld": composition.withheld(),
            "say_code": say_code,
            "giver": self._say_giver(),
            "covered": name_classes(composition.sendable()),
            "is_request": composition.expects_answer,
            "onward": None,
            "answer_by": None,
            "seen": "",
            "files": self.files,
            "say_size": say_size,
            "why": composition.basis.text("justification"),
        }
        if missing:
            return described
        try:
            draft = build(composition)
            marks = [file.description.sensitivity for file in self.files]
            who = composition.around.who
            policy = preview_policy(self.site.context, draft, file_classes=marks, who=who)
        except RefusedDraftError as error:
            return described | {"refusal": say_refused(error)}
        body = composition.plan.body.model_validate_json(json.dumps(draft.body))
        desk = draft.to_authority
        due = self.find_deadline(draft.urgency, desk=desk) if desk else None
        return described | {
            "policy": policy,
            "seen": digest_draft(draft),
            "shown": sort_facts(show_body(body)),
            "answer_by": min(filter(None, (due, draft.answer_by)), default=None),
            "onward": say_onward(draft.onward) if composition.has_personal_basis else None,
            "onward_desks": draft.onward.authorities,
            "passed_on": composition.terms.passed_on if draft.passes_on else None,
            "say_type": say_type,
        }

    def _screen_of(self, name: str) -> str:
        """Name the screen on which a shown field is changed."""
        plain = name if name in {"danger_now", "possibly_under_18"} else ""
        if plain or (name == "age_group" and self.composition.is_child) or name == "person_group":
            return Screen.LINK
        for screen in self.composition.screens:
            form = self.composition.screen_form(screen)
            if form is not None and form.owns(name):
                return screen
        return Screen.CONTENT if Screen.CONTENT in self.composition.screens else Screen.FACTS

    def _say_giver(self) -> Message | str:
        basis = self.composition.basis
        if basis.kind is not Basis.CONSENT:
            return say_code(basis.ground) if basis.kind is Basis.EXCEPTION and basis.ground else ""
        given_by = basis.filed.content.given_by if basis.filed else self._get("given_by")
        return dict(self.composition.givers()).get(given_by, "")

    def _get(self, name: str) -> str:
        return self.composition.draft.get(name)


def describe_onward(site: Site, composition: Composition) -> dict[str, Any]:
    """Say what can be chosen of what may be passed on, for a message as for an answer."""
    around, names = composition.around, site.names()
    listed = OnwardScope.LISTED_AUTHORITIES
    scopes = [(code.value, words) for code, words in SCOPES.items()]
    return {
        "composition": composition,
        "scopes": [each for each in scopes if each[0] != listed or around.their_desks],
        "their_desks": around.their_desks,
        "passable": [
            (
                each.message_id,
                # Translators: a message in a list: its kind, and the Participant that sent it
                msg(
                    "%(what)s, from %(participant)s",
                    what=say_type(each.type),
                    participant=names.participant(each.sender),
                ),
            )
            for each in around.passable
        ],
    }


def say_purpose(composition: Composition) -> Message | str:
    """Say what is being written."""
    return label_plan(composition.plan)


def _name_choice(composition: Composition) -> str:
    kind = composition.draft.kind
    if not kind:
        return ""
    return kind if kind in {Purpose.NOTIFICATION, Purpose.REFERRAL} else "other"


def _without_child_age(leaf: FormField) -> FormField:
    if leaf.name != "age_group":
        return leaf
    adult = tuple(choice for choice in leaf.choices if choice[0] != AgeGroup.UNDER_18)
    return replace(leaf, choices=adult)


_PARTS: Final[Sequence[tuple[Message, frozenset[str]]]] = (
    (
        msg("The person"),
        frozenset({"age_group", "status", "sex", "found_on", "exploitation_forms", "whereabouts"}),
    ),
    (
        msg("The referral"),
        frozenset({"handover", "reason", "services_requested", "phases_concerned", "risk"}),
    ),
    (
        msg("Needs and language"),
        frozenset(
            {"immediate_needs", "languages_spoken", "interpreter_needed", "reflection_period_until"}
        ),
    ),
    (msg("The case manager on our side"), frozenset({"case_manager"})),
)


def group_facts(fields: Sequence[FormField]) -> list[tuple[Message, list[FormField]]]:
    """Put the facts into parts with a heading each, in the order that people work in."""
    known = frozenset[str]().union(*(names for _, names in _PARTS))
    parts = [*_PARTS, (msg("More facts"), frozenset({f.path[0] for f in fields}) - known)]
    return [
        (title, found)
        for title, names in parts
        if (found := [leaf for leaf in fields if leaf.path[0] in names])
    ]
