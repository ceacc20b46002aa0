"""Who may do what at the broker: one account per Participant, one that owns all mailboxes.

The boundary between two Participants is the boundary between two accounts. Within one shared
account a sender could name another's inbox as the place for the broker's *reply*, which the broker
does not check; across accounts that reaches nobody. What passes between accounts are the services
that the hub's account exports, and the broker itself sees to it that the token that names the
account is the account of whoever asks.
"""

from typing import Final

from hub.broker.mailbox_plan import MAX_PAYLOAD
from protocol.broker_credentials import (
    AccountClaims,
    AccountLimits,
    Permissions,
    ResponseType,
    ServiceExport,
    ServiceImport,
)
from protocol.identifiers import ParticipantCode
from protocol.nkeys import PublicNkey
from protocol.subjects import (
    ACK_OWNER_TOKEN,
    ANY_ACK,
    ANY_PULL,
    PULL_OWNER_TOKEN,
    SENDER_TOKEN,
    AccountId,
    TrafficClass,
    mailbox_ack_pattern,
    mailbox_pattern,
    mailbox_pull_subject,
)

SYSTEM_ACCOUNT_NAME: Final = "SYS"
HUB_ACCOUNT_NAME: Final = "HUB"

#: One process of a node needs three connections, for small and for large things and for files, and
#: twice as many while it renews its tokens; two processes may share the work.
_CONNECTIONS: Final = 12
_SUBSCRIPTIONS: Final = 64
HUB_INBOX: Final = "_INBOX.hub"

_CLAIMS_UPDATE: Final = "$SYS.REQ.CLAIMS.UPDATE"
_CLAIMS_DELETE: Final = "$SYS.REQ.CLAIMS.DELETE"
_CLAIMS_LIST: Final = "$SYS.REQ.CLAIMS.LIST"

#: What servers tell of themselves and of mailboxes, see ``hub.network.advisories``. Nothing that
#: tells who connects from where, and nothing of single envelopes.
SERVER_EVENTS: Final = (
    "$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE",
    "$JS.EVENT.ADVISORY.SERVER.REMOVED",
    "$JS.EVENT.ADVISORY.DOMAIN.LEADER_ELECTED",
    "$SYS.SERVER.*.SHUTDOWN",
    "$SYS.SERVER.*.LAMEDUCK",
    "$SYS.SERVER.*.CLIENT.AUTH.ERR",
)
MAILBOX_EVENTS: Final = (
    "$JS.EVENT.ADVISORY.STREAM.CREATED.*",
    "$JS.EVENT.ADVISORY.STREAM.DELETED.*",
    "$JS.EVENT.ADVISORY.STREAM.UPDATED.*",
    "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.*",
    "$JS.EVENT.ADVISORY.STREAM.QUORUM_LOST.*",
)

#: The hub's user in the system account: keeps the list of accounts, asks how the servers are and
#: who is connected, in numbers, and does nothing else there.
REGISTRAR_PERMISSIONS: Final = Permissions(
    publish=(
        _CLAIMS_UPDATE,
        _CLAIMS_DELETE,
        _CLAIMS_LIST,
        "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
        "$SYS.REQ.SERVER.PING.HEALTHZ",
        "$SYS.REQ.SERVER.PING.STATSZ",
        "$SYS.REQ.ACCOUNT.PING.STATZ",
    ),
    subscribe=(f"{HUB_INBOX}.>", *SERVER_EVENTS),
)

#: The one consumer that mailboxes had when all classes shared one.
EARLIER_CONSUMER: Final = "node"

#: The hub's user in its own account: makes and counts mailboxes. It may not read a message, take
#: one out, nor put one in.
MAILBOX_ADMIN_PERMISSIONS: Final = Permissions(
    publish=(
        "$JS.API.STREAM.CREATE.*",
        "$JS.API.STREAM.UPDATE.*",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.STREAM.DELETE.*",
        "$JS.API.STREAM.NAMES",
        "$JS.API.CONSUMER.DURABLE.CREATE.*.*",
        "$JS.API.CONSUMER.INFO.*.*",
        f"$JS.API.CONSUMER.DELETE.*.{EARLIER_CONSUMER}",
    ),
    subscribe=(f"{HUB_INBOX}.>", *MAILBOX_EVENTS),
)


def system_account_claims() -> AccountClaims:
    """Describe the broker's system account."""
    return AccountClaims(name=SYSTEM_ACCOUNT_NAME, limits=AccountLimits())


def hub_account_claims() -> AccountClaims:
    """Describe the account that owns the mailboxes and what it offers to the others."""
    put = [
        ServiceExport(
            name=f"put-{traffic.name.lower()}",
            subject=mailbox_pattern(traffic=traffic),
            account_token_position=SENDER_TOKEN,
        )
        for traffic in TrafficClass
    ]
    return AccountClaims(
        name=HUB_ACCOUNT_NAME,
        limits=AccountLimits(jetstream=True),
        exports=(
            *put,
            ServiceExport(
                name="pull",
                subject=ANY_PULL,
                account_token_position=PULL_OWNER_TOKEN,
                response_type=ResponseType.STREAM,
            ),
            ServiceExport(
                name="ack",
                subject=ANY_ACK,
                account_token_position=ACK_OWNER_TOKEN,
            ),
        ),
    )


def participant_account_claims(
    participant: ParticipantCode,
    *,
    account: AccountId,
    signing_keys: tuple[PublicNkey, ...],
    hub_account: PublicNkey,
) -> AccountClaims:
    """Describe a Participant's account: put as itself, empty its own mailboxes, nothing else."""
    services = (
        *(mailbox_pattern(sender=account, traffic=traffic) for traffic in TrafficClass),
        *(mailbox_pull_subject(account, traffic) for traffic in TrafficClass),
        *(mailbox_ack_pattern(account, traffic) for traffic in TrafficClass),
    )
    return AccountClaims(
        name=participant,
        limits=AccountLimits(
            subscriptions=_SUBSCRIPTIONS,
            payload=MAX_PAYLOAD,
            connections=_CONNECTIONS,
            imports=len(services),
            exports=0,
        ),
        imports=tuple(ServiceImport(subject, hub_account) for subject in services),
        signing_keys=signing_keys,
    )
