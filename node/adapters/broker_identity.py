"""How the node names itself to the broker: it issues its own credentials.

The registry says which account is the Participant's and which keys may issue users of it. The node
holds one of these, makes itself a short-lived user token with the least permissions that work, and
sends only signatures over the wire.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from protocol.broker_credentials import Permissions, UserClaims, issue_user_token
from protocol.nkeys import Nkey
from protocol.subjects import (
    AccountId,
    TrafficClass,
    inbox_prefix,
    mailbox_ack_pattern,
    mailbox_pattern,
    mailbox_pull_subject,
)


@dataclass(frozen=True, slots=True)
class NodeBrokerIdentity:
    """The Participant's account, a key that may issue users of it, and this node's user key."""

    account: AccountId
    account_signing_key: Nkey
    user_key: Nkey

    def issue_token(self, *, issued_at: datetime, lifetime: timedelta) -> str:
        """Let this node connect for ``lifetime``."""
        claims = UserClaims(
            name="node", permissions=node_permissions(self.account), account=self.account
        )
        return issue_user_token(
            self.account_signing_key,
            user=self.user_key.public,
            claims=claims,
            issued_at=issued_at,
            expires_at=issued_at + lifetime,
        )


def node_permissions(account: AccountId) -> Permissions:
    """List all that a node needs: put into mailboxes as itself, and empty its own."""
    return Permissions(
        publish=(
            *(mailbox_pattern(sender=account, traffic=traffic) for traffic in TrafficClass),
            *(mailbox_pull_subject(account, traffic) for traffic in TrafficClass),
            *(mailbox_ack_pattern(account, traffic) for traffic in TrafficClass),
        ),
        subscribe=(f"{inbox_prefix(account)}.>",),
    )
