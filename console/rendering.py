"""Pages: Jinja2 templates of the kit and of a face, in the reader's language and time.

One environment per language, which holds its translations. Autoescaping is on for
every template, and a name that was not given is an error, never an empty space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from babel.dates import get_month_names
from babel.support import NullTranslations
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.accounts.sessions import Sessions
from console.assets import StaticAssets
from console.compiled import COMPILED
from console.cookies import Cookies, make_visitor_token
from console.deadlines import Deadline, describe_deadline
from console.face import Clock, ConsoleSettings, Face, RandomBytes
from console.forgery import FORM_FIELD, derive_form_token
from console.formats import (
    KOSOVO_FOOTNOTE,
    STARRED_PLACE,
    LocalTime,
    describe_duration,
    format_day,
    format_moment,
    name_place,
)
from console.i18n import (
    LANGUAGE_NAMES,
    Catalogues,
    Language,
    Message,
    load_data_locale,
    msg,
    translate,
)
from console.request_state import RequestState, get_request_state

KIT_TEMPLATES: Final = Path(__file__).parent / "templates"
PRODUCT_SHORT: Final = "TRM"
"""Ends every title. Titles reach the history, the task bar, and whoever looks at the screen."""

FormErrors = Mapping[str, Message]
"""What is wrong with a form, by field, in the order of the fields."""

NO_ERRORS: Final[FormErrors] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """What a :class:`Renderer` is made of."""

    face: Face
    settings: ConsoleSettings
    assets: StaticAssets
    catalogues: Catalogues
    clock: Clock
    random: RandomBytes
    sessions: Sessions


class Renderer:
    """Renders the pages of one face."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._cookies = Cookies(parts.settings)
        self._environments: dict[Language, Environment] = {}

    def page(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = HTTPStatus.OK,
        errors: FormErrors = NO_ERRORS,
        **context: Any,
    ) -> HTMLResponse:
        """Render a whole page.

        ``errors`` puts the summary "There is a problem" on top, marks the fields, and makes the
        status 422 unless another is given. A browser that has no token yet for its forms gets one.
        """
        state = get_request_state(request)
        token = state.cookie_token or make_visitor_token(self._parts.random)
        html = self.render(
            template,
            state.language,
            **self._describe_request(request, state),
            **context,
            errors=errors,
            form_token_value=derive_form_token(token),
            # What answers a form, or a refusal, has no address to come back to.
            is_opened=request.method == "GET" and status < HTTPStatus.BAD_REQUEST,
        )
        code = HTTPStatus.UNPROCESSABLE_ENTITY if errors and status == HTTPStatus.OK else status
        response = HTMLResponse(html, status_code=code)
        if state.cookie_token is None:
            self._cookies.set_visitor(response, token)
        return response

    def fragment(self, request: Request, template: str, /, **context: Any) -> HTMLResponse:
        """Render a part of a page for htmx; the same names as on a page are there."""
        state = get_request_state(request)
        token = "" if state.cookie_token is None else derive_form_token(state.cookie_token)
        html = self.render(
            template,
            state.language,
            **self._describe_request(request, state),
            **context,
            errors=NO_ERRORS,
            form_token_value=token,
        )
        return HTMLResponse(html)

    def render(self, template: str, language: Language, /, **context: Any) -> str:
        """Render a template as text. Raises jinja2.UndefinedError for a name that is missing."""
        if language not in self._environments:  # most readers of a place read one or two
            self._environments[language] = self._build_environment(language)
        return self._environments[language].get_template(template).render(context)

    def say(self, message: Message | str, language: Language) -> str:
        """Say a message in an offered language, outside of a page."""
        return translate(message, self._parts.catalogues.translations(language))

    @property
    def issuer(self) -> str:
        """What an authenticator app calls this console: product and place, never translated."""
        face = self._parts.face
        code = f" {face.participant_code}" if face.participant_code else ""
        return f"{PRODUCT_SHORT}{code}"

    def _describe_request(self, request: Request, state: RequestState) -> dict[str, Any]:
        signed_in = state.active
        navigation = () if signed_in is None else self._parts.face.navigation(request, signed_in)
        sessions, idle = self._parts.sessions, self._parts.settings.idle_lock
        if signed_in is not None:
            idle = sessions.find_idle_lock(signed_in.session)
        return {
            "path": request.scope["path"],
            "signed_in": signed_in,
            "navigation": navigation,
            "language": state.language,
            "now": self._parts.clock(),
            "idle_seconds": int(idle.total_seconds()),
            "needs_confirmation": signed_in is not None
            and not sessions.is_confirmed(signed_in.session),
        }

    def _build_environment(self, language: Language) -> Environment:
        parts = self._parts
        translations = parts.catalogues.translations(language)
        folders = [*parts.face.templates, KIT_TEMPLATES]
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=COMPILED,
            extensions=["jinja2.ext.i18n"],
            # A message in an expression is said in the reader's language by itself.
            finalize=lambda value: (
                translate(value, translations) if isinstance(value, Message) else value
            ),
        )
        environment.policies["ext.i18n.trimmed"] = True
        _install_translations(environment, translations)
        environment.filters["say"] = lambda message: translate(message, translations)
        environment.globals |= self._list_names(language)
        return environment

    def _list_names(self, language: Language) -> dict[str, Any]:
        """Give the names that every template may use."""
        face, settings = self._parts.face, self._parts.settings
        zone, locale = face.zone, load_data_locale(language)

        whose = self.say(msg("%(city)s time", city=face.city), language)

        def when(moment: datetime) -> LocalTime:
            return format_moment(moment, zone=zone, whose=whose, locale=locale)

        def day(moment: datetime) -> str:
            return format_day(moment, zone=zone, locale=locale)

        def deadline(due: datetime, given: datetime) -> Deadline:
            return describe_deadline(due=due, given=given, now=self._parts.clock())

        return {
            "face": face,
            "participant": name_place(face.participant_code, face.participant_name),
            "product_short": PRODUCT_SHORT,
            "static": self._parts.assets.address,
            "when": when,
            "day": day,
            "months": [get_month_names("wide", "stand-alone", locale)[n] for n in range(1, 13)],
            "deadline_of": deadline,
            "duration": describe_duration,
            "place": name_place,
            "starred_place": STARRED_PLACE,
            "kosovo_footnote": KOSOVO_FOOTNOTE,
            "languages": [(tag, LANGUAGE_NAMES[tag]) for tag in self._parts.catalogues.offered],
            "language_names": {tag.value: name for tag, name in LANGUAGE_NAMES.items()},
            "glossary_tags": {tag.value for tag in Language},
            "form_field": FORM_FIELD,
            "notice_seconds": int(settings.idle_notice.total_seconds()),
        }


def _install_translations(environment: Environment, translations: NullTranslations) -> None:
    # The extension adds this method to the environment when it is loaded; its types are not known.
    extended: Any = environment
    extended.install_gettext_translations(translations, newstyle=True)
