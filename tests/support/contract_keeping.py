"""As ``contract_requests``, for those who keep people, the node and the directory."""

from typing import Any, Final

from console.accounts.models import Stage
from contact_registry.agreements import AgreementStatement
from contact_registry.changes.change import ChangeId
from contact_registry.document import Document
from contact_registry.drills.news import DrillNews, DrillNotice
from contact_registry.schedules import WorkCalendar
from node.service.accounts import open_sessions
from node.service.drills import take_news
from protocol.identifiers import AuthorityId
from tests.support.contract_ground import DESK, Ground
from tests.support.contract_requests import Wish, Wishes
from tests.support.drills import make_asked
from tests.support.people import token_of
from tests.support.registry import AL, make_authority, make_contacts
from tests.support.registry_content import make_terms
from tests.support.setting_up import open_session

KEEPING: Final = Wishes()
"""What those who keep something ask for."""

HOOK: Final = {"label": "register", "url": "https://register.example/in"}
_AUTHORITY: Final = make_authority(AL, note="mine")
_NOTE: Final = f"authorities/{_AUTHORITY.id}/note"

# ------------------------------------------------------------------ people and programs


@KEEPING.at("POST /people")
def _add_person(ground: Ground) -> Wish:
    name = f"person-{ground.number()}"
    return Wish(body={"sign_in_name": name, "display_name": name, "roles": ["focal_point"]})


@KEEPING.at(
    "GET /people/{account_id}",
    "POST /people/{account_id}/deactivate",
    "POST /people/{account_id}/reactivate",
)
def _person(ground: Ground) -> Wish:
    return Wish(path={"account_id": ground.person()})


@KEEPING.at("PUT /people/{account_id}")
def _change_person(ground: Ground) -> Wish:
    body = {"roles": ["approver"], "channels": ["assistance", "police"]}
    return Wish(path={"account_id": ground.person()}, body=body)


@KEEPING.at("POST /people/{account_id}/sign-in-link")
def _make_link(ground: Ground) -> Wish:
    return Wish(path={"account_id": ground.person()}, body={"hours": 1})


@KEEPING.at("POST /people/{account_id}/invite")
def _invite(ground: Ground) -> Wish:
    return Wish(path={"account_id": ground.person()}, body={"address": "someone@desk.example"})


@KEEPING.at(
    "GET /people/{account_id}/devices",
    "DELETE /people/{account_id}/devices",
    "DELETE /people/{account_id}/devices/{device_id}",
)
def _device(ground: Ground) -> Wish:
    account_id = ground.person()
    sessions = open_sessions(ground.al)
    session = open_session(sessions, account_id, at=ground.al.clock(), stage=Stage.ACTIVE)
    return Wish(path={"account_id": account_id, "device_id": session.token_hash})


@KEEPING.at("POST /unasked-access/told")
def _told(_: Ground) -> Wish:
    return Wish(body={"last": 1}, who="worker")


@KEEPING.at("POST /tokens")
def _make_token(ground: Ground) -> Wish:
    label = f"register-{ground.number()}"
    body = {"label": label, "scope": "reading", "channels": ["assistance"], "days": 2}
    return Wish(body=body, who="worker")


@KEEPING.at("POST /tokens/{label}/revoke")
def _revoke(ground: Ground) -> Wish:
    label = f"spare-{ground.number()}"
    token_of(ground.al, label)
    return Wish(path={"label": label}, who="administration")


# ------------------------------------------------------------------ the node


@KEEPING.at("POST /backups")
def _note_backup(ground: Ground) -> Wish:
    return Wish(body={"made_at": ground.al.clock().isoformat(), "place": "the safe"})


@KEEPING.at("POST /backups/{backup_id}/test")
def _test_backup(ground: Ground) -> Wish:
    made = ground.ask("administration", "POST", "/backups", _note_backup(ground).body)
    return Wish(path={"backup_id": made["backup_id"]}, body={"passed": True})


@KEEPING.at(
    "GET /delivery/dead-letters/{letter_id}", "POST /delivery/dead-letters/{letter_id}/retry"
)
def _letter(ground: Ground) -> Wish:
    return Wish(path={"letter_id": ground.letter()}, who="delivery")


@KEEPING.at("POST /delivery/dead-letters/{letter_id}/settle")
def _settle_letter(ground: Ground) -> Wish:
    path = {"letter_id": ground.letter()}
    return Wish(path=path, body={"reason": "not_needed"}, who="delivery")


@KEEPING.at("POST /webhooks")
def _make_hook(_: Ground) -> Wish:
    return Wish(body=HOOK)


@KEEPING.at(
    "GET /webhooks/{webhook_id}",
    "DELETE /webhooks/{webhook_id}",
    "POST /webhooks/{webhook_id}/rotate-secret",
    "POST /webhooks/{webhook_id}/test",
)
def _hook(ground: Ground) -> Wish:
    made = ground.ask("administration", "POST", "/webhooks", HOOK)
    return Wish(path={"webhook_id": made["webhook_id"]})


@KEEPING.at("PUT /webhooks/{webhook_id}")
def _change_hook(ground: Ground) -> Wish:
    return Wish(path=_hook(ground).path, body={**HOOK, "label": "other"})


@KEEPING.at("POST /webhooks/{webhook_id}/replay")
def _replay(ground: Ground) -> Wish:
    return Wish(path=_hook(ground).path, body={"since": ground.al.clock().isoformat()})


# ------------------------------------------------------------------ the directory


@KEEPING.at("GET /directory/desk")
def _find_desk(_: Ground) -> Wish:
    return Wish(query={"participant": "XK", "phase": "return"})


@KEEPING.at("GET /duty/calendar")
def _calendar(_: Ground) -> Wish:
    return Wish(query={"year": 2026})


@KEEPING.at("POST /drills/{drill_id}/answer")
def _answer_drill(ground: Ground) -> Wish:
    number = ground.number()
    drill = make_asked(number, authority=AuthorityId(DESK))
    news = DrillNews(
        revision=number, head=number, mark=f"{number:032x}", drills=(DrillNotice.of(drill),)
    )
    take_news(ground.al, news, since=ground.drilled)
    ground.drilled = number
    body = {"outcome": "reached", "answered_by": "desk"}
    return Wish(path={"drill_id": drill.drill_id}, body=body)


def _begin(ground: Ground) -> dict[str, Any]:
    begun: dict[str, Any] = ground.ask(
        "directory", "POST", "/directory/changes", {"title": "New number"}
    )
    return begun


def _edit(ground: Ground, change: dict[str, Any], note: str = "mine") -> dict[str, Any]:
    said = _part(authority=make_authority(AL, note=note))
    return _step(ground, "PUT", change, "authorities", said)


def _part(**parts: Document) -> dict[str, Any]:
    return {name: part.model_dump(mode="json") for name, part in parts.items()}


def _step(
    ground: Ground, method: str, change: dict[str, Any], name: str, body: Any = None
) -> dict[str, Any]:
    path = f"/directory/changes/{change['change_id']}/{name}?row_version={change['row_version']}"
    done: dict[str, Any] = ground.ask("directory", method, path, body)
    return done


def _wish(change: dict[str, Any], **more: Any) -> Wish:
    query = {"row_version": change["row_version"]}
    path = {"change_id": change["change_id"], **more.pop("path", {})}
    return Wish(path=path, query=query, **more)


def _prepare(ground: Ground) -> dict[str, Any]:
    edited = _edit(ground, _begin(ground), f"note {ground.number()}")
    return _step(ground, "POST", edited, "prepare", {"days": 30})


@KEEPING.at("GET /directory/changes/{change_id}")
def _change(ground: Ground) -> Wish:
    return Wish(path={"change_id": _begin(ground)["change_id"]})


@KEEPING.at("GET /directory/changes/{change_id}/signing-file")
def _signing_file(ground: Ground) -> Wish:
    return Wish(path={"change_id": _prepare(ground)["change_id"]})


@KEEPING.at("PUT /directory/changes/{change_id}/document")
def _put_document(ground: Ground) -> Wish:
    return _wish(_begin(ground), body=_part(document=make_contacts(AL, note="all of it")))


@KEEPING.at("PUT /directory/changes/{change_id}/authorities")
def _put_authority(ground: Ground) -> Wish:
    return _wish(_begin(ground), body=_part(authority=make_authority(AL, "second")))


@KEEPING.at("POST /directory/changes/{change_id}/authorities/{authority_id}/end")
def _end_authority(ground: Ground) -> Wish:
    path = {"authority_id": str(_AUTHORITY.id)}
    return _wish(_begin(ground), path=path, body={"last_day": "2026-12-31"})


@KEEPING.at("PUT /directory/changes/{change_id}/calendar")
def _put_calendar(ground: Ground) -> Wish:
    return _wish(_begin(ground), body=_part(calendar=WorkCalendar()))


@KEEPING.at("PUT /directory/changes/{change_id}/agreements")
def _put_agreement(ground: Ground) -> Wish:
    return _wish(_begin(ground), body=_part(statement=AgreementStatement(terms=make_terms())))


@KEEPING.at("POST /directory/changes/{change_id}/prepare")
def _prepare_change(ground: Ground) -> Wish:
    return _wish(_edit(ground, _begin(ground)), body={"days": 30})


@KEEPING.at("POST /directory/changes/{change_id}/signatures")
def _sign(ground: Ground) -> Wish:
    change = _prepare(ground)
    return _wish(change, content=ground.sign(ChangeId(change["change_id"])))


@KEEPING.at("POST /directory/changes/{change_id}/publish")
def _publish(ground: Ground) -> Wish:
    change = _prepare(ground)
    path = f"/directory/changes/{change['change_id']}/signatures"
    query = {"row_version": change["row_version"]}
    signed = ground.sign(ChangeId(change["change_id"]))
    return _wish(ground.ask("directory", "POST", path, params=query, data=signed))


@KEEPING.at("POST /directory/changes/{change_id}/resolve")
def _resolve(ground: Ground) -> Wish:
    change = _edit(ground, _begin(ground))
    ground.desks.publish_note(f"theirs {ground.number()}")
    told = ground.ask("directory", "GET", f"/directory/changes/{change['change_id']}")
    return _wish(told, body={"choices": {_NOTE: "ours"}})


@KEEPING.at("POST /directory/changes/{change_id}/reopen")
def _reopen(ground: Ground) -> Wish:
    return _wish(_prepare(ground))


@KEEPING.at("POST /directory/changes/{change_id}/withdraw")
def _withdraw(ground: Ground) -> Wish:
    return _wish(_begin(ground))
