"""A case on paper: what goes on it is chosen first, and who printed it is in the audit log.

Names and what people wrote are off unless somebody asks for them. Notes and Part I of the follow-up
form are never printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.confirming import Confirmed
from console.dates import DateError, DateParts
from console.downloads import HEADERS, write_disposition
from console.formats import KOSOVO_FOOTNOTE, STARRED_PLACE, format_moment, name_place
from console.i18n import Language, Message, load_data_locale, msg, pmsg
from console.request_state import get_request_state
from node.service.attachments.showing import count_files
from node.service.cases.printing import PaperWish, PrintedCase, PrintedMessage, handle_print
from node.service.records import IN
from node.web.cases.acting import NOTHING_WRONG, OpenCase, Outcome, open_case, show
from node.web.cases.sheet_text import Paper, Row, Section
from node.web.cases.words import STRAND_LOOKS, say_channel
from node.web.labels import say_known, say_type
from node.web.showing import ShownField, show_body, sort_facts
from node.web.site import FocalPoint, Form, PageRoute, Site
from node.web.states import look_of, look_of_entry
from protocol.messages.codes import TraffickingStatus
from protocol.messages.describing import ValueKind
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage

_KEPT_FOR: Final = timedelta(days=30)
_AT_MOST: Final = timedelta(days=366)
_WRITTEN: Final = frozenset(
    {ValueKind.LINE, ValueKind.NARRATIVE, ValueKind.TEXT, ValueKind.PATTERN}
)
"""Kinds of fields that hold what people wrote: a name may stand in any of them."""
_NAMING: Final = frozenset({Sensitivity.IDENTITY, Sensitivity.CONTACT})


def create_paper_router(site: Site) -> APIRouter:
    """Build the page and the document."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/case/{case_id}/paper")
    def show_choice(request: Request, who: FocalPoint, case_id: str) -> Response:
        case = open_case(site, case_id, who)
        until = site.context.clock().astimezone(site.zone) + _KEPT_FOR
        return _show(case, request, destroy_by=DateParts.from_moment(until, site.zone))

    @router.post("/case/{case_id}/paper")
    def make(
        request: Request, who: FocalPoint, _sure: Confirmed, form: Form, case_id: str
    ) -> Response:
        """Make the PDF. Sent twice, it is printed twice, and noted twice."""
        from node.web.cases.sheet import write_pdf

        case = open_case(site, case_id, who)
        typed = DateParts.from_form(form, "destroy_by")
        chosen = tuple(str(each) for each in form.getlist("more"))
        wish = _judge(case, typed, chosen)
        if isinstance(wish, Message):
            outcome = Outcome(errors={"destroy_by": wish})
            return _show(case, request, destroy_by=typed, chosen=chosen, outcome=outcome)
        printed = handle_print(site.context, case_id, wish, who=case.who)
        writer = _Writer(case, wish, get_request_state(request).language)
        by = who.account.display_name
        name = f"{site.context.random(4).hex()}.pdf"
        return Response(
            write_pdf(writer.write(printed, by=by)),
            media_type="application/pdf",
            headers={**HEADERS, "Content-Disposition": write_disposition(name)},
        )

    return router


def _judge(case: OpenCase, typed: DateParts, chosen: tuple[str, ...]) -> PaperWish | Message:
    try:
        day = typed.parse_date()
    except DateError as error:
        return error.message
    today = case.site.context.clock().astimezone(case.site.zone).date()
    if day < today:
        return msg("This day is over. Choose a later one.")
    if day > today + _AT_MOST:
        return msg("Paper is kept for a year at most. Choose an earlier day.")
    names = "names" in chosen
    return PaperWish(texts=names or "texts" in chosen, names=names, destroy_by=day)


def _show(
    case: OpenCase,
    request: Request,
    *,
    destroy_by: DateParts,
    chosen: tuple[str, ...] = (),
    outcome: Outcome = NOTHING_WRONG,
) -> Response:
    return show(
        case,
        request,
        "cases/paper.html",
        outcome=outcome,
        destroy_by=destroy_by,
        chosen=chosen,
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    """Says a case in the reader's language."""

    case: OpenCase
    wish: PaperWish
    language: Language

    def say(self, words: Message | str) -> str:
        """Say it."""
        return self.case.site.renderer.say(words, self.language)

    def write(self, printed: PrintedCase, *, by: str) -> Paper:
        """Put the document together."""
        site, overview = self.case.site, self.case.overview
        now = site.context.clock()
        sections = (
            self._write_head(printed),
            *(self._write_message(each) for each in printed.messages),
            self._write_timeline(printed),
        )
        own = site.context.participant
        place = self.say(name_place(own, site.face.participant_name))
        text = repr((sections, place))
        star = self.say(STARRED_PLACE)
        return Paper(
            title=self.say(msg("Case")),
            code=str(overview.reference),
            say_page=lambda page, pages: self.say(
                msg("Page %(page)s of %(pages)s", page=page, pages=pages)
            ),
            foot=(
                self.say(
                    msg(
                        "Printed by %(person)s, %(place)s, %(moment)s",
                        person=by,
                        place=place,
                        moment=self._moment(now),
                    )
                ),
                self.say(
                    msg("Confidential. Destroy by %(day)s", day=self._day(self.wish.destroy_by))
                ),
            ),
            sections=sections,
            footnotes=(self.say(KOSOVO_FOOTNOTE),) if star in text else (),
            language=self.language.value,
            made_at=now,
        )

    def _write_head(self, printed: PrintedCase) -> Section:
        overview, names = self.case.overview, self.case.names
        rows = [
            Row(
                self.say(msg("Participants")),
                ", ".join(self.say(names.participant(code)) for code in printed.view.peers),
            ),
            Row(self.say(msg("Opened")), self._moment(printed.view.created_at)),
        ]
        for strand in overview.strands:
            said = [self.say(STRAND_LOOKS[strand.state].word)]
            if strand.person_status:
                said.append(self.say(say_known(TraffickingStatus, strand.person_status)))
            if strand.treated_as_child:
                said.append(self.say(msg("The rules for children apply.")))
            rows.append(Row(self.say(say_channel(strand.channel)), ". ".join(said)))
        left_out = msg("Names, contacts and written texts are left out.")
        if self.wish.names:
            left_out = msg("Names and written texts are included. Nobody else may read this.")
        elif self.wish.texts:
            left_out = msg(
                "Names and contacts are left out, as far as they have fields of their own."
            )
        rows.append(Row(self.say(msg("On this paper")), self.say(left_out)))
        return Section(self.say(msg("The case")), tuple(rows))

    def _write_message(self, printed: PrintedMessage) -> Section:
        item, names = printed.item, self.case.names
        if item.direction == IN:
            way = msg("from %(participant)s", participant=names.participant(item.peer))
        else:
            way = msg("to %(participant)s", participant=names.participant(item.peer))
        rows = [
            Row(self.say(msg("Desk")), self._name_desks(printed)),
            Row(self.say(pmsg("message", "State")), self.say(look_of(item).word)),
            *self._list_facts(printed),
        ]
        counted = count_files(self.case.site.context, self.case.case_id, who=self.case.who)
        if (files := counted.get(item.message_id)) is not None:
            count = msg("%(count)s, not printed", count=files.count)
            rows.append(Row(self.say(msg("Files")), self.say(count)))
        return Section(
            self.say(say_type(item.type)),
            tuple(row for row in rows if row.text),
            subtitle=f"{self.say(way)}, {self._moment(item.stored_at)}",
        )

    def _name_desks(self, printed: PrintedMessage) -> str:
        item, names = printed.item, self.case.names
        return f"{names.desk(item.from_authority)} > {names.desk(item.to_authority)}"

    def _list_facts(self, printed: PrintedMessage) -> Iterator[Row]:
        message = printed.message
        if message is None:
            yield Row(self.say(msg("Content")), self.say(msg("Erased for good")))
        elif not isinstance(message, CaseMessage):
            yield Row(self.say(msg("Content")), self.say(msg("Cannot be read by this version")))
        else:
            for field in sort_facts(show_body(message.body)):
                text = self._say_field(field)
                yield Row(self.say(field.label), text)

    def _say_field(self, field: ShownField) -> str:
        is_named = field.sensitivity in _NAMING
        is_written = field.kind in _WRITTEN and field.sensitivity is not Sensitivity.NONE
        if (is_named and not self.wish.names) or (is_written and not self.wish.texts):
            return self.say(pmsg("paper", "(not printed)"))
        if field.moment is not None:
            return self._moment(field.moment)
        if field.day is not None:
            return self._day(field.day)
        return ", ".join(self._say_word(field.kind, word) for word in field.words)

    def _say_word(self, kind: ValueKind, word: Message | str) -> str:
        names = self.case.names
        if kind is ValueKind.PARTICIPANT and isinstance(word, str):
            return self.say(names.participant(word))
        if kind is ValueKind.AUTHORITY and isinstance(word, str):
            return names.desk(word)
        return self.say(word)

    def _write_timeline(self, printed: PrintedCase) -> Section:
        names = self.case.names
        rows = []
        for entry in reversed(printed.view.timeline):
            look = look_of_entry(entry, participant=names.participant(entry.code or ""))
            by = self.say(names.actor(entry.actor))
            rows.append(Row(self._moment(entry.at), f"{self.say(look.title)} ({by})"))
        return Section(self.say(msg("What happened")), tuple(rows))

    def _moment(self, moment: datetime) -> str:
        site = self.case.site
        written = format_moment(
            moment, zone=site.zone, whose=site.face.city, locale=load_data_locale(self.language)
        )
        return written.local

    def _day(self, day: date) -> str:
        return format_date(day, "d MMMM y", locale=load_data_locale(self.language))
