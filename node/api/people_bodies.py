"""What is asked and said about people, their devices, and the tokens of programs."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, Field

from node.api.shapes import GREATEST_INTEGER, Asked
from node.domain.access import Permission, Principal
from node.domain.standing import Access
from node.service.devices import Device
from node.service.people import NewPerson, Person, Standing
from node.service.second_word import Waiting
from node.service.tokens import TokenScope, TokenView, TokenWish
from node.service.unasked_access import Unasked, Why
from protocol.identifiers import Channel
from protocol.policy.facts import Role

_HOURS: Final = 168
_DAYS: Final = 366

Channels = Annotated[
    frozenset[Channel],
    Field(description="Of which messages they may know; counts for those who read cases."),
]


class StandingWish(Asked):
    """What somebody shall be allowed."""

    roles: Annotated[frozenset[Role], Field(min_length=1)]
    channels: Channels = frozenset({Channel.ASSISTANCE})
    confidential: bool = Field(
        default=False, description="Open the strictly confidential part of cases to them."
    )

    def read(self) -> Standing:
        """Return it as the service asks."""
        return Standing(
            roles=frozenset(self.roles), channels=self.channels, confidential=self.confidential
        )


class PersonWish(StandingWish):
    """Somebody who is invited."""

    sign_in_name: Annotated[str, Field(min_length=2, max_length=119)]
    display_name: Annotated[str, Field(min_length=1, max_length=200)]

    def read_person(self) -> NewPerson:
        """Return it as the service asks."""
        return NewPerson(
            sign_in_name=self.sign_in_name, display_name=self.display_name, standing=self.read()
        )


class PersonBody(BaseModel):
    """A person of this node."""

    account_id: str
    sign_in_name: str
    display_name: str
    roles: list[Role]
    channels: list[Channel]
    confidential: bool
    active: bool
    set_up: bool = Field(description="Whether they have set up a password and a second factor.")
    access: Access = Field(
        description="'waiting': what it shows counts once a second person has confirmed it."
    )
    row_version: int

    @classmethod
    def of(cls, person: Person) -> "PersonBody":
        """Make it from what the service says."""
        account = person.account
        return cls(
            account_id=account.id,
            sign_in_name=account.sign_in_name,
            display_name=account.display_name,
            roles=sorted(Role(role) for role in account.roles),
            channels=sorted(person.standing.channels),
            confidential=person.standing.confidential,
            active=account.is_active,
            set_up=account.password_hash is not None and account.totp_secret is not None,
            access=person.access,
            row_version=person.row_version,
        )


class WaitingBody(BaseModel):
    """Somebody whose access waits for the word of a second person."""

    account_id: str
    sign_in_name: str
    display_name: str
    roles: list[Role]
    channels: list[Channel]
    confidential: bool
    asked_by: str = Field(description="Who gave it, or made their last sign-in link.")
    hands: list[str] = Field(
        description="Everybody who gave it or made a sign-in link since it was last confirmed, the "
        "last one first: none of them confirms it."
    )
    asked_at: datetime
    row_version: int

    @classmethod
    def of(cls, waiting: Waiting) -> "WaitingBody":
        """Make it from what the service says."""
        return cls(
            account_id=waiting.account_id,
            sign_in_name=waiting.sign_in_name,
            display_name=waiting.display_name,
            roles=sorted(waiting.roles),
            channels=sorted(waiting.channels),
            confidential=waiting.confidential,
            asked_by=waiting.hands[0],
            hands=list(waiting.hands),
            asked_at=waiting.asked_at,
            row_version=waiting.row_version,
        )


class LinkWish(Asked):
    """A one-time sign-in that is asked for."""

    hours: Annotated[float, Field(ge=0.1, le=_HOURS)] = 72

    @property
    def lifetime(self) -> timedelta:
        """How long it works."""
        return timedelta(hours=self.hours)


class LinkBody(BaseModel):
    """A one-time sign-in, said here and never again."""

    path: str = Field(description="To be put behind the console's address.")
    expires_at: datetime


class DeviceBody(BaseModel):
    """A browser in which somebody is signed in."""

    device_id: str
    stage: str
    started_at: datetime
    seen_at: datetime
    client: str
    browser: str

    @classmethod
    def of(cls, device: Device) -> "DeviceBody":
        """Make it from what the service says."""
        return cls(
            device_id=device.device_id,
            stage=device.stage,
            started_at=device.started_at,
            seen_at=device.seen_at,
            client=device.client,
            browser=device.browser,
        )


class TokenAsked(Asked):
    """A token that is asked for."""

    label: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9-]+$")]
    days: Annotated[float, Field(ge=0.01, le=_DAYS)] = 90
    scope: TokenScope = TokenScope.MESSAGES
    channels: Channels = frozenset({Channel.ASSISTANCE})
    person: Annotated[str, Field(max_length=119)] | None = Field(
        default=None, description="Sign-in name: it opens no more than this person may."
    )

    def read(self) -> TokenWish:
        """Return it as the service asks."""
        return TokenWish(
            label=self.label,
            lifetime=timedelta(days=self.days),
            scope=self.scope,
            channels=self.channels,
            person=self.person,
        )


class TokenMade(BaseModel):
    """A token, said here and never again."""

    token: str


class TokenBody(BaseModel):
    """A token in a list: everything but itself."""

    label: str
    scope: TokenScope
    channels: list[Channel]
    account_id: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: TokenView) -> "TokenBody":
        """Make it from what the service says."""
        return cls(
            label=token.label,
            scope=token.scope,
            channels=list(token.channels),
            account_id=token.account_id,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )


class MeBody(BaseModel):
    """Who asks, with what they may do and see."""

    actor: str
    account_id: str | None
    roles: list[Role]
    permissions: list[Permission]
    channels: list[Channel]

    @classmethod
    def of(cls, who: Principal) -> "MeBody":
        """Make it from the principal."""
        return cls(
            actor=who.actor,
            account_id=who.person,
            roles=sorted(who.roles),
            permissions=sorted(who.permissions),
            channels=sorted(who.channels),
        )


class UnaskedBody(BaseModel):
    """A part of somebody's access that counted without the word of a colleague who has it."""

    unasked_id: int
    account_id: str
    sign_in_name: str
    display_name: str
    why: Why
    channels: frozenset[Channel]
    confidential: bool
    given_by: str = Field(description="An actor, as in the audit log.")
    at: datetime

    @classmethod
    def of(cls, unasked: Unasked) -> "UnaskedBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(unasked))


class UnaskedKnown(Asked):
    """How far the list is known."""

    last: Annotated[int, Field(ge=1, le=GREATEST_INTEGER, description="An `unasked_id` of it.")]
