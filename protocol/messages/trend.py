"""Alerts on trends: they concern nobody in particular, and travel in a channel of their own."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Channel
from protocol.messages.codes import AgeGroup, ExploitationForm, Kind, Sex
from protocol.messages.fields import Day, Line, Narrative, ParticipantField, Sensitivity
from protocol.messages.head import Body, CaseMessage, NoPersonalData


class TrendTopic(StrEnum):
    """What an alert is about."""

    RECRUITMENT = "recruitment"
    TRANSPORT_AND_ROUTES = "transport_and_routes"
    EXPLOITATION = "exploitation"
    DOCUMENTS = "documents"
    ONLINE = "online"
    MONEY = "money"
    OTHER = "other"


class TrendAlertBody(Body):
    """What was seen, where, how often, and what to look out for; nobody can be recognised in it.

    Rules: every field is of class ``none``, so it may hold nothing about one person;
    ``observed_to`` is not before ``observed_from``.
    """

    topics: Annotated[
        tuple[TrendTopic, ...], Field(min_length=1, max_length=len(TrendTopic)), Sensitivity.NONE
    ]
    title: Annotated[Line, Sensitivity.NONE]
    description: Annotated[Narrative, Sensitivity.NONE]
    exploitation_forms: Annotated[
        tuple[ExploitationForm, ...], Field(max_length=len(ExploitationForm)), Sensitivity.NONE
    ] = ()
    age_groups: Annotated[
        tuple[AgeGroup, ...], Field(max_length=len(AgeGroup)), Sensitivity.NONE
    ] = ()
    sexes: Annotated[tuple[Sex, ...], Field(max_length=len(Sex)), Sensitivity.NONE] = ()
    participants_concerned: Annotated[
        tuple[ParticipantField, ...], Field(max_length=64), Sensitivity.NONE
    ] = ()
    observed_from: Annotated[Day | None, Sensitivity.NONE] = None
    observed_to: Annotated[Day | None, Sensitivity.NONE] = None
    advice: Annotated[Narrative | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_span(self) -> Self:
        if self.observed_from and self.observed_to and self.observed_to < self.observed_from:
            raise ValueError("The time of observation ends before it begins: exchange the dates.")
        return self


class TrendAlert(CaseMessage):
    """A non-personal alert on trends or modus operandi. Its case reference names the thread."""

    type: Literal["general.trend_alert"] = "general.trend_alert"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    channel: Literal[Channel.TREND]
    legal_basis: NoPersonalData
    body: TrendAlertBody
