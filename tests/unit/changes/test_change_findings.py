"""What is said about a change before anybody signs it."""

from datetime import date
from typing import Any

import pytest

from contact_registry.changes.change import EntryKind
from contact_registry.changes.findings import Finding, FindingCode, Severity
from contact_registry.coverage import CoverageCode, Hours
from contact_registry.models import Competence, PersonGroup, Telephone, TelephoneKind
from protocol.identifiers import Channel, Phase
from tests.support.changes import EDITOR, DeskWorld
from tests.support.registry import AL, make_authority


def find(desks: DeskWorld, **changes: Any) -> dict[FindingCode, Finding]:
    """Return one finding of each kind about AL's desk saying something else."""
    view = desks.desk.look(desks.draft(**changes).id)
    return {finding.code: finding for finding in view.findings}


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"telephones": ()}, FindingCode.UNREACHABLE, Severity.WARNING),
        (
            {"telephones": (Telephone(as_listed="444 222"),)},
            FindingCode.NUMBER_NOT_VALID,
            Severity.WARNING,
        ),
        ({"note": "x"}, FindingCode.NOT_CONFIRMED, Severity.NOTE),
        ({"review_due": date(2022, 2, 1)}, FindingCode.REVIEW_PASSED, Severity.WARNING),
        ({"valid_to": date(2022, 2, 1)}, FindingCode.ENDED, Severity.NOTE),
    ],
)
def test_findings_about_an_entry(
    desks: DeskWorld, changes: dict[str, object], code: FindingCode, severity: Severity
) -> None:
    """Each names the entry, says how much it matters, and what to do."""
    finding = find(desks, **changes)[code]
    assert (finding.severity, finding.entry, finding.entry_kind) == (
        severity, "AL-desk", EntryKind.AUTHORITY,
    )  # fmt: skip
    assert len(finding.message) > 20


def test_entries_that_were_left_alone_are_not_judged(desks: DeskWorld) -> None:
    """Only what the change touches is said to be unconfirmed."""
    change = desks.edit(desks.begin(), make_authority(AL, "new", last_confirmed=date(2026, 1, 1)))
    codes = {finding.code for finding in desks.desk.look(change.id).findings}
    assert FindingCode.NOT_CONFIRMED not in codes


def test_a_gap_that_a_change_opens_or_closes(desks: DeskWorld) -> None:
    """Taking the only desk out leaves nobody: said for the Participant, and for each question."""
    change = desks.begin()
    entry = change.draft.authorities[0]
    change = desks.desk.remove_authority(change.id, entry.id, seen=change.row_version, actor=EDITOR)
    view = desks.desk.look(change.id)
    found = {finding.code: finding for finding in view.findings}
    assert found[FindingCode.GAP_OPENS].coverage is CoverageCode.NOTHING_LISTED
    assert found[FindingCode.AUTHORITY_REMOVED].entry == entry.id
    assert FindingCode.NOBODY_LISTED in found
    assert {(e.phase, e.person_group) for e in view.effects} == {
        (phase, group) for phase in Phase for group in (PersonGroup.ADULT, PersonGroup.CHILD)
    }
    assert all(effect.after is None for effect in view.effects)
    assert not view.is_blocked


def test_whom_people_will_be_led_to(desks: DeskWorld) -> None:
    """A desk for returns, around the clock, takes over these questions and no others."""
    change = desks.edit(
        desks.begin(),
        make_authority(
            AL, "returns", competences=(Competence(phase=Phase.RETURN),), available_24_7=True,
        ),
    )  # fmt: skip
    view = desks.desk.look(change.id)
    assert {(e.phase, e.hours, e.after.id if e.after else None) for e in view.effects} == {
        (Phase.RETURN, Hours.IN, "AL-returns"),
        (Phase.RETURN, Hours.OUT, "AL-returns"),
    }
    closed = [f for f in view.findings if f.code is FindingCode.GAP_CLOSES]
    assert {f.phase for f in closed} == {Phase.RETURN}
    assert all(finding.message.startswith("Put right: ") for finding in closed)


def test_other_channels_are_judged_where_somebody_is_listed(desks: DeskWorld) -> None:
    """A police desk that only faxes reach is a gap in the police channel, and is said."""
    fax = Telephone(as_listed="+355 44541821", e164="+35544541821", kind=TelephoneKind.FAX)
    police = (Competence(phase=Phase.IDENTIFICATION, channel=Channel.TREND),)
    change = desks.edit(
        desks.begin(), make_authority(AL, "police", competences=police, telephones=(fax,))
    )
    codes = [
        f.coverage for f in desks.desk.look(change.id).findings if f.code is FindingCode.GAP_OPENS
    ]
    assert CoverageCode.NOBODY_REACHABLE in codes or CoverageCode.NOBODY_COMPETENT in codes


def test_blocking_findings_come_first(desks: DeskWorld) -> None:
    """Whoever reads from the top reads what prevents the signature first."""
    findings = desks.desk.look(desks.begin().id).findings
    order = [list(Severity).index(finding.severity) for finding in findings]
    assert order == sorted(order)
    assert findings[0].severity is Severity.BLOCKING
