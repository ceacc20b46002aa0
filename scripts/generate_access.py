"""Write docs/access.md: who may do what, and every route with the roles that it lets in.

usage: ``python scripts/generate_access.py [--check]``

With ``--check`` nothing is written; exits with 1 if the file is not what roles and table say.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from node.domain.access import ABOUT_CONTENT, GRANTS, KEEPS_OUT, Permission
from node.service.tokens import ONLY_OF_PEOPLE, SCOPES
from protocol.policy.facts import Role
from tests.support.access import ROLES, read_table

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "access.md"
FACES: Final[Mapping[str, str]] = {"page": "Pages", "api": "Interface (`/api/v1`)"}

OPENING: Final = """\
# Who may do what, and how they come in

<!-- Written by scripts/generate_access.py from the roles and the table of routes: change those. -->

## Roles and channels

A **role** says which kind of thing somebody may do, a **channel** of which messages: assistance,
police, witness protection, trend. Both are asked by each use case itself, whichever door a request
came through. A message or case of another channel is *not there*: lists, timelines, search, files
and evidence leave it out, and asking for it by its identifier is answered with 404, like asking for
one that never was. A message whose channel nobody knows (it cannot be read by this version) is
there only for somebody who is cleared for all channels; so are messages from before channels were
noted, until the node has looked through them after an update.

What is recorded of a case obeys the channels, too. An exception to consent is there for its channel
alone. A consent, and how far a return is prepared, are seen by all who work on the case; notes and
the signed paper by those of the channel that recorded them. That a person is in witness protection
is shown to those who are cleared for that channel, and obeyed by all
([why](decisions/0035-what-is-recorded-belongs-to-a-channel.md)).

The strictly confidential part of a case is opened person by person (`confidential`), to somebody
who reads cases. Nobody changes their own roles or clearance; one active node administrator always
stays; who administers or audits the node never has a role that shows content.

**Nobody lets themselves in.** Access to content that an administrator gives (a role, a channel, the
confidential part), a one-time link that was followed, and an account that is opened again count
once a second person has confirmed them: somebody who can sign in, has every channel in question
(and the confidential part), and neither gets it nor had a hand in it since it was last confirmed,
by giving it or by making a link. Until then the account signs in and reads nothing. Colleagues see
it in their inbox, telephone, and confirm or refuse it, on the page or by `/api/v1/waiting-access`;
after 14 days it is refused. On a node where nobody ever had access there is nobody to ask: what was
given there by commands on its machine alone counts at once, until the first has set up a password;
what came by a browser waits for the machine's word. Where nobody is left who could confirm,
`trm-node confirm-access NAME` does it on the machine, for whoever holds what opens the key store.
Access that counts so, without the word of anybody who had the same - also the first of a channel -
is told in the inbox of everybody who has a part of it, then or when they get it, until they say
that they know who it is ([why, and each door](decisions/0037-access-waits-for-a-second-person.md)).

**What this does not stop.** Two people who act together; a colleague who confirms without asking;
one person who administers by one account and reads cases by another, and confirms by the second
what the first gave: nobody gets more by it than they have themselves; whoever sets the node up on
its machine and gives themselves an account: everybody who gets access later is told who was the
first, and an auditor compares the list of people with reality. A link replaces a password and
second factor: password, code, passkeys, recovery codes and national login of before all end with
it, so whoever had them notices. A word counts for whoever had set the account up when it was
given: a set-up asks anew, so confirm once the person says, by telephone, that they have set their
password themselves. A set-up is one act: what was begun before it with an old way in (a sign-in, a
passkey, a national login, new recovery codes) is done before it and ends with it, or comes after it
and finds its session ended. Tokens that are bound to the person end with it, too: a case system
that uses one needs a new one. The audit log names who made a link, when it was followed, and who
confirmed. Whoever holds the machine, its key store and what opens it can read everything,
without this software. `trm-node export-evidence` therefore asks for whom it is (`--for`), gives
what this person may see, and stands in the audit log under the login's name.

## Ways in

- **Password and code**: Argon2id; 15 characters at least; a code of an authenticator app (RFC
  6238), each usable once.
- **Passkey** (Web Authentication): both factors at once, so that finger, face or PIN is always
  asked for; bound to the console's own name; added with the password; at most ten.
- **Recovery codes**: ten, each with 80 random bits, kept as hashes, each takes the place of one
  code of the app, once. New ones replace all earlier ones.
- **National login** (OpenID Connect, authorization code with PKCE, state and nonce): an account is
  linked once, by its holder and with the password, to issuer and subject, of which only a hash is
  kept; never by an e-mail address. Whether it counts as both factors is a setting
  (`TRM_NODE_OIDC_ACR_VALUES`: any of these; `TRM_NODE_OIDC_AMR_VALUES`: all of these together);
  else the own app's code is asked for besides.
  Register `https://<console>/national/back` there. Only signatures of public keys are believed;
  keys that change are looked for at most once a minute.
- **One-time link**: for the first sign-in and after a loss. It works once, for hours. Sessions end
  when it is made; the other ways in that stand then end when password and second factor are set
  up by it.

Attempts are counted for the account and for the client before anything is checked, kept in the
database, and slow down in steps (15 seconds to 15 minutes, never for ever). A stranger who guesses
at somebody's password can slow that password down, but neither a passkey, nor the national login,
nor the unlocking of a screen. A screen locks after 15
minutes without an act, and after 12 hours asks for everything again. People see where they are
signed in, and end any of it; administrators do so for others.

```sh
trm-node add-user officer --role focal_point --channel assistance --channel trend
trm-node change-user officer --role focal_point --channel assistance --confidential
trm-node deactivate-user officer
trm-node token case-system --scope messages --channel assistance
trm-node token register --scope reading --person officer
```

## Programs

A token has a scope and channels, and may be bound to a person: it then never opens more than they
may, and ends with their account. One that shows content is made by a person who works on cases (and
is bound to them), or by a command on the node's machine; so is one that administers by an
administrator, and one for the audit log by an auditor. A label is one program's for good: under it
the program stands in the audit log, and owns what it drafted and sent. A new token for the same
program has the same label, scope and account. Taking a label back also takes back what was made
with its tokens. A rule about a second person asks for the person behind a program, since a program
of somebody's is not somebody else.

## Audit log

Who saw, sent, decided, took back, exported, erased what; who let whom in; who signed in: one entry
each, written in the transaction of the act (`audit_due`) and bound to a chain within seconds
(`audit_entry`): sequence, moment, actor, act, what it was done to, codes, and the hash of the entry
before. Entries name accounts, messages and cases by identifier, never a person of a case and never
content. The database refuses to change or remove an entry; the hash of the newest also goes into
the process's log, so that a log that is collected elsewhere is a witness. Between an act and its
chaining (a second, with the node running) an entry could still be taken away by whoever writes to
the database. Auditors read it at `GET /api/v1/audit` and verify it at `POST /api/v1/audit/verify`;
`trm-node verify-audit-log` does so on the machine. Note the last hash from time to time on paper.

Looking at the same thing twice within a second is one entry. Lists are not entries: they show
metadata. A search is one: how much was found, never what was looked for.

## Tables

"yes": somebody of this role alone, cleared for all channels, is let in (what they ask for may still
not exist); empty: refused with 403. The strictly confidential part is refused to all of them, since
a role alone does not open it. Each line is a test (`tests/unit/node_web/test_access_matrix.py`),
which also shows that no route gives an administrator, an auditor or a directory editor a word of
what a message says, and that nothing of another channel is there for a focal point.

"""


def write_document() -> str:
    """Write the whole document."""
    return OPENING + "\n".join(_write_tables()) + "\n"


def _write_tables() -> Iterator[str]:
    yield from _write_roles()
    yield from _write_scopes()
    table = read_table()
    for face, title in FACES.items():
        yield f"\n### {title}\n"
        yield from _write_head("route")
        for route in sorted(found for found in table if found.face == face):
            marks = " | ".join("yes" if role in table[route] else "" for role in ROLES)
            yield f"| `{route.method} {route.path}` | {marks} |"


def _write_roles() -> Iterator[str]:
    yield "### Permissions of each role\n"
    yield from _write_head("permission")
    for permission in Permission:
        marks = " | ".join("yes" if permission in GRANTS[role] else "" for role in ROLES)
        about = " (content)" if permission in ABOUT_CONTENT else ""
        yield f"| `{permission}`{about} | {marks} |"
    kept = ", ".join(f"`{role}`" for role in Role if role in KEEPS_OUT)
    yield f"\nWhoever has one of {kept} has no permission about content, whatever else they are."


def _write_scopes() -> Iterator[str]:
    yield "\n### What a token opens at most\n"
    yield "| scope | permissions |"
    yield "|---|---|"
    for scope, permissions in SCOPES.items():
        if permissions == frozenset(Permission):
            said = "what the person may to whom it is bound"
        else:
            said = ", ".join(f"`{each}`" for each in sorted(permissions))
        yield f"| `{scope}` | {said} |"
    never = ", ".join(f"`{each}`" for each in sorted(ONLY_OF_PEOPLE))
    yield f"\nA token that is bound to nobody never has {never}."


def _write_head(first: str) -> Iterator[str]:
    yield f"| {first} | {' | '.join(role.value.replace('_', ' ') for role in ROLES)} |"
    yield f"|---|{'---|' * len(ROLES)}"


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description="Write docs/access.md.")
    parser.add_argument("--check", action="store_true", help="write nothing, tell what differs")
    wanted = write_document()
    if parser.parse_args().check:
        is_same = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == wanted
        if not is_same:
            print(f"{DOCUMENT.name} is not what the table says: make generate", file=sys.stderr)
        return 0 if is_same else 1
    DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
