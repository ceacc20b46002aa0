"""Admission: making the broker agree with the registry.

The registry says who takes part and with which keys; the broker lets in whoever holds an account
that the operators issued. :meth:`Admission.reconcile` compares the two and changes what differs. It
keeps no record of its own: the broker's list of accounts is the record, and each account token
names its Participant.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog

from contact_registry.directory import Directory
from contact_registry.models import KeysDocument
from hub.broker.accounts import hub_account_claims, participant_account_claims
from hub.broker.connection import (
    BrokerConnection,
    BrokerUnavailableError,
    Clock,
    read_answer,
)
from hub.broker.mailboxes import MailboxError, Mailboxes
from hub.broker.operator import OperatorMaterial
from protocol.broker_credentials import (
    AccountClaims,
    Token,
    issue_account_deletion_token,
    issue_account_token,
    parse_token,
)
from protocol.errors import MalformedError, RemoteProtocolError
from protocol.identifiers import ParticipantCode
from protocol.nkeys import NkeyKind, parse_public_nkey
from protocol.subjects import AccountId, parse_account_id, parse_mailbox_stream

_UPDATE: Final = "$SYS.REQ.CLAIMS.UPDATE"
_DELETE: Final = "$SYS.REQ.CLAIMS.DELETE"
_LIST: Final = "$SYS.REQ.CLAIMS.LIST"
_OK: Final = 200

_log = structlog.get_logger()


class AdmissionAction(StrEnum):
    """What became of one Participant or account."""

    ADMITTED = "admitted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    #: Listed in the registry, has no node or no keys: what the broker has of it stays as it is.
    WITHOUT_KEYS = "without_keys"
    #: Its account was taken from the broker: it left, or has another account now.
    REMOVED = "removed"
    #: What the registry says of it must not be done; the reason is for the operators.
    REFUSED = "refused"
    #: Could not be done now; the next round tries again.
    FAILED = "failed"


_SETTLED: Final = frozenset(
    {AdmissionAction.ADMITTED, AdmissionAction.UPDATED, AdmissionAction.UNCHANGED}
)

#: A claim that stands; one that failed is tried again, so its account stays until then.
_CLAIMED: Final = _SETTLED | {AdmissionAction.FAILED}


@dataclass(frozen=True, slots=True)
class AdmissionOutcome:
    """One line of a report. ``participant`` is ``None`` for an account that nobody claims."""

    action: AdmissionAction
    participant: ParticipantCode | None = None
    account: AccountId | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AdmissionReport:
    """What one round did."""

    registry_version: int
    finished_at: datetime
    outcomes: tuple[AdmissionOutcome, ...]

    def having(self, *actions: AdmissionAction) -> tuple[AdmissionOutcome, ...]:
        """Return the outcomes with one of these actions."""
        return tuple(outcome for outcome in self.outcomes if outcome.action in actions)

    @property
    def is_complete(self) -> bool:
        """Whether nothing failed. What was refused is for people, not for another try."""
        return not self.having(AdmissionAction.FAILED)


class AdmissionRefusedError(Exception):
    """What the registry says of a Participant must not be carried out."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A Participant's claim to an account, read from its keys document."""

    participant: ParticipantCode
    account: AccountId
    claims: AccountClaims


class Admission:
    """Reconciles the broker with the registry; one round at a time."""

    def __init__(
        self,
        *,
        material: OperatorMaterial,
        registrar: BrokerConnection,
        mailboxes: Mailboxes,
        clock: Clock,
        servers: int = 1,
    ) -> None:
        """``servers`` is how many servers the broker has."""
        self._servers = servers
        self._material = material
        self._registrar = registrar
        self._mailboxes = mailboxes
        self._clock = clock
        self._one_round = asyncio.Lock()

    async def reconcile(self, directory: Directory) -> AdmissionReport:
        """Let in whom the registry names, put out whom it does not; repeating it changes nothing.

        Raises :class:`~hub.broker.connection.BrokerUnavailableError` if the broker cannot even be
        asked for its accounts. What goes wrong with one Participant is in the report and does not
        keep the others waiting.
        """
        async with self._one_round:
            recorded = await self._load_recorded()
            await self._renew_hub_account()
            self._mailboxes.expect(len(directory.participants))
            outcomes: list[AdmissionOutcome] = []
            claims: list[_Claim] = []
            for entry in directory.participants:
                keys = directory.keys.get(entry.code)
                if keys is None:
                    outcomes.append(AdmissionOutcome(AdmissionAction.WITHOUT_KEYS, entry.code))
                    continue
                try:
                    claims.append(self._read_claim(entry.code, keys))
                except (AdmissionRefusedError, MalformedError) as error:
                    outcomes.append(_refused(entry.code, str(error)))
            outcomes += await self._admit_all(claims, recorded)
            settled = {outcome.participant for outcome in outcomes if outcome.action in _SETTLED}
            keep = {entry.code for entry in directory.participants} - settled
            # A refused claim protects nothing: else whoever claims an account that its owner gave
            # up, perhaps because it was stolen, would keep it alive.
            kept_accounts = frozenset(
                outcome.account
                for outcome in outcomes
                if outcome.account and outcome.action in _CLAIMED
            )
            outcomes += await self._remove_others(recorded, keep=keep, kept_accounts=kept_accounts)
            report = AdmissionReport(directory.version, self._clock(), tuple(outcomes))
        for outcome in report.having(AdmissionAction.REFUSED, AdmissionAction.FAILED):
            _log.warning(
                "admission_not_done",
                action=outcome.action.value,
                participant=outcome.participant,
                detail=outcome.detail,
            )
        return report

    def _read_claim(self, participant: ParticipantCode, keys: KeysDocument) -> _Claim:
        account = parse_account_id(keys.broker.account)
        if account in self._material.reserved_accounts:
            raise AdmissionRefusedError("It claims an account of the operators.")
        signing_keys = tuple(
            parse_public_nkey(key, kind=NkeyKind.ACCOUNT)
            for key in keys.broker.account_signing_keys
        )
        claims = participant_account_claims(
            participant,
            account=account,
            signing_keys=signing_keys,
            hub_account=self._material.hub_account.public,
        )
        return _Claim(participant, account, claims)

    # ------------------------------------------------------------------------- letting in

    async def _admit_all(
        self, claims: Iterable[_Claim], recorded: Mapping[AccountId, Token | None]
    ) -> list[AdmissionOutcome]:
        claimants: dict[AccountId, list[_Claim]] = defaultdict(list)
        for claim in claims:
            claimants[claim.account].append(claim)
        outcomes: list[AdmissionOutcome] = []
        # Those that are here first: when more take part, each mailbox becomes smaller, and that
        # makes the room for new ones.
        for account, rivals in sorted(claimants.items(), key=lambda item: item[0] not in recorded):
            token = recorded.get(account)
            for claim in rivals:
                # Whoever copies another's account into its own keys document would get the other's
                # mailbox. The account stays with whom it was issued to first.
                if token is not None and token.name != claim.participant:
                    outcomes.append(
                        _refused(claim.participant, f"Its account belongs to {token.name}.")
                    )
                elif token is None and len(rivals) > 1:
                    names = ", ".join(sorted(rival.participant for rival in rivals))
                    outcomes.append(
                        _refused(claim.participant, f"One account is claimed by {names}.")
                    )
                else:
                    outcomes.append(await self._admit(claim, token))
        return outcomes

    async def _admit(self, claim: _Claim, token: Token | None) -> AdmissionOutcome:
        action = AdmissionAction.UNCHANGED
        try:
            if token is None or not self._is_current(token, claim.claims):
                await self._push(claim.account, claim.claims)
                action = AdmissionAction.UPDATED if token else AdmissionAction.ADMITTED
            if await self._mailboxes.ensure(claim.account) and token is not None:
                action = AdmissionAction.UPDATED
        except (BrokerUnavailableError, MailboxError) as error:
            return AdmissionOutcome(
                AdmissionAction.FAILED, claim.participant, claim.account, str(error)
            )
        if action is not AdmissionAction.UNCHANGED:
            _log.info("participant_admitted", participant=claim.participant, action=action.value)
        return AdmissionOutcome(action, claim.participant, claim.account)

    async def _renew_hub_account(self) -> None:
        """Bring what the hub's account offers to the others to what this version offers.

        The broker's configuration holds it as it was when that file was written; a newer token
        that the broker was given survives its restart.
        """
        account = AccountId(self._material.hub_account.public)
        claims = hub_account_claims()
        token = await self._load_token(account)
        if token is None or not self._is_current(token, claims):
            await self._push(account, claims)
            _log.info("hub_account_renewed")

    def _is_current(self, token: Token, claims: AccountClaims) -> bool:
        return (
            token.issuer == self._material.signing_key.public
            and token.name == claims.name
            and dict(token.claims) == claims.as_claims()
        )

    async def _push(self, account: AccountId, claims: AccountClaims) -> None:
        token = issue_account_token(
            self._material.signing_key, account=account, claims=claims, issued_at=self._clock()
        )
        _check_done(await self._registrar.request_json(_UPDATE, token.encode()))

    # ------------------------------------------------------------------------ putting out

    async def _remove_others(
        self,
        recorded: Mapping[AccountId, Token | None],
        *,
        keep: AbstractSet[ParticipantCode],
        kept_accounts: frozenset[AccountId],
    ) -> list[AdmissionOutcome]:
        """Take away the accounts that nobody claims.

        Not those of ``keep``: a Participant that is listed, but could not be let in with what the
        registry says of it now, keeps what it has. A signature that ran out must not cut off a desk
        that people depend on.
        """
        outcomes: list[AdmissionOutcome] = []
        for account, token in recorded.items():
            owner = ParticipantCode(token.name) if token else None
            if account not in kept_accounts and owner not in keep:
                outcomes.append(await self._remove(account, owner))
        await self._remove_empty_mailboxes(kept_accounts | recorded.keys())
        return outcomes

    async def _remove(self, account: AccountId, owner: ParticipantCode | None) -> AdmissionOutcome:
        token = issue_account_deletion_token(
            self._material.signing_key, accounts=[account], issued_at=self._clock()
        )
        try:
            _check_done(await self._registrar.request_json(_DELETE, token.encode()))
        except BrokerUnavailableError as error:
            return AdmissionOutcome(AdmissionAction.FAILED, owner, account, str(error))
        _log.info("participant_removed", participant=owner, account=account)
        return AdmissionOutcome(AdmissionAction.REMOVED, owner, account)

    async def _remove_empty_mailboxes(self, kept: Iterable[AccountId]) -> None:
        try:
            names = await self._mailboxes.list_names()
            orphans = {parse_mailbox_stream(name)[0] for name in names} - frozenset(kept)
            for account in sorted(orphans):
                if await self._mailboxes.remove_if_empty(account):
                    _log.info("empty_mailbox_removed", account=account)
        except (BrokerUnavailableError, MailboxError, MalformedError) as error:
            _log.warning("orphaned_mailboxes_not_looked_through", error=str(error))

    # -------------------------------------------------------------- what the broker knows

    async def _load_recorded(self) -> dict[AccountId, Token | None]:
        """Return the broker's accounts; ``None`` for one whose token cannot be read."""
        # Each server has a list of its own. One that was away while an account was removed brings
        # it back when it returns, to all of them: only all lists together show that.
        accounts: set[AccountId] = set()
        for answer in await self._registrar.request_all(_LIST, most=self._servers):
            names = read_answer(answer).get("data")
            if not isinstance(names, list):
                raise BrokerUnavailableError(
                    "The broker did not list its accounts: check its version."
                )
            try:
                accounts |= {parse_account_id(str(name)) for name in names}
            except MalformedError as error:
                raise BrokerUnavailableError(
                    f"The broker lists a strange account: {error}"
                ) from error
        others = sorted(accounts - self._material.reserved_accounts)
        return {account: await self._load_token(account) for account in others}

    async def _load_token(self, account: AccountId) -> Token | None:
        data = await self._registrar.request(f"$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP")
        try:
            return parse_token(data.decode("ascii"))
        except (RemoteProtocolError, UnicodeDecodeError):
            return None


def _refused(participant: ParticipantCode, detail: str) -> AdmissionOutcome:
    return AdmissionOutcome(AdmissionAction.REFUSED, participant, detail=detail)


def _check_done(answer: Mapping[str, Any]) -> None:
    """Raise :class:`BrokerUnavailableError` unless the broker says that it did it."""
    done = answer.get("data")
    if not (isinstance(done, dict) and done.get("code") == _OK):
        problem = answer.get("error") or done
        raise BrokerUnavailableError(f"The broker did not take an account: {problem}")
