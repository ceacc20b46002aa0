"""Looking after findings: every step of the table and none besides, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from console.storage.database import Database
from contact_registry.coverage import CoverageCode
from hub.audit.log import AuditLog
from hub.findings.desk import FindingDesk, StepRequest, find_followed
from hub.findings.errors import FindingNotFoundError, FindingStepError, StaleFindingError
from hub.findings.observing import ORDER, Observed, UpkeepCode, make_key
from hub.findings.states import STEPS, Standing, Step
from hub.store.migrating import migrate
from hub.web.registry.finding_pages import _ADVICE
from hub.web.registry.looks import FINDING_LOOKS
from protocol.identifiers import ParticipantCode, Phase
from tests.support.console_face import NOON, SetClock
from tests.support.hub_console import open_hub_database

AL = ParticipantCode("AL")
KEY = make_key(CoverageCode.NOBODY_COMPETENT, AL, phase=Phase.RETURN)
OBSERVED = Observed(KEY, CoverageCode.NOBODY_COMPETENT, AL, phase=Phase.RETURN)
UNTIL = date(2027, 2, 1)
REASON = "They promised a list."


@pytest.fixture
def clock() -> SetClock:
    """Stand at noon."""
    return SetClock()


@pytest.fixture
def desk(tmp_path: Path, clock: SetClock) -> Iterator[FindingDesk]:
    """Open a desk over SQLite."""
    database = open_hub_database(tmp_path)
    yield FindingDesk(database, AuditLog(database, clock=clock), clock=clock)
    database.close()


def ask(step: Step, *, seen: int = 0) -> StepRequest:
    """Ask for a step with everything that it needs."""
    return StepRequest(
        step=step,
        seen=seen,
        assigned_to="somebody" if step is Step.ASSIGN else "",
        reason=REASON if step is Step.RESOLVE else "",
        until=UNTIL if step is Step.RESOLVE else None,
    )


def bring_to(desk: FindingDesk, standing: Standing) -> int:
    """Bring a finding to a standing; returns its revision."""
    steps = {
        Standing.OPEN: (),
        Standing.TAKEN: (Step.TAKE,),
        Standing.RESOLVED: (Step.RESOLVE,),
    }[standing]
    for revision, step in enumerate(steps):
        desk.act(OBSERVED, ask(step, seen=revision), actor="me")
    return len(steps)


@pytest.mark.parametrize(("standing", "step"), list(product(Standing, Step)))
def test_the_table_and_nothing_besides(desk: FindingDesk, standing: Standing, step: Step) -> None:
    """Each step leads where the table says, or is refused and changes nothing."""
    seen = bring_to(desk, standing)
    after = STEPS[standing].get(step)
    if after is None:
        with pytest.raises(FindingStepError):
            desk.act(OBSERVED, ask(step, seen=seen), actor="me")
        after, seen = standing, seen - 1
    else:
        desk.act(OBSERVED, ask(step, seen=seen), actor="me")
    (followed,) = desk.follow([OBSERVED])
    assert (followed.standing, followed.record.revision) == (after, seen + 1)
    assert len(desk.list_events(KEY)) == seen + 1


def test_who_looks_after_it(desk: FindingDesk) -> None:
    """Taking names the actor, assigning somebody else, giving back nobody."""
    holders = [
        desk.act(OBSERVED, ask(step, seen=seen), actor="me").assigned_to
        for seen, step in enumerate((Step.TAKE, Step.ASSIGN, Step.GIVE_BACK))
    ]
    assert holders == ["me", "somebody", ""]


def test_a_stale_page_changes_nothing(desk: FindingDesk) -> None:
    """Who saw an older revision is told so; what was done meanwhile stands."""
    desk.act(OBSERVED, ask(Step.TAKE), actor="first")
    with pytest.raises(StaleFindingError):
        desk.act(OBSERVED, ask(Step.TAKE), actor="second")
    (followed,) = desk.follow([OBSERVED])
    assert followed.record.assigned_to == "first"


def test_what_may_stay_is_open_again_on_its_day(desk: FindingDesk, clock: SetClock) -> None:
    """On the day that was named the finding is open, and can be taken without opening it again."""
    desk.act(OBSERVED, ask(Step.RESOLVE), actor="me")
    assert desk.follow([OBSERVED])[0].standing is Standing.RESOLVED
    clock.now = NOON.replace(year=UNTIL.year, month=UNTIL.month, day=UNTIL.day)
    assert desk.follow([OBSERVED])[0].standing is Standing.OPEN
    assert desk.act(OBSERVED, ask(Step.TAKE, seen=1), actor="me").standing is Standing.TAKEN


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "short"},
        {"reason": "x" * 501},
        {"until": None},
        {"until": NOON.date()},
        {"until": NOON.date() + timedelta(days=367)},
    ],
)
def test_leaving_a_finding_needs_a_reason_and_a_day(
    desk: FindingDesk, changes: dict[str, Any]
) -> None:
    """Without a reason of some length and a day within a year nothing is left as it is."""
    request = replace(ask(Step.RESOLVE), **changes)
    with pytest.raises(FindingStepError):
        desk.act(OBSERVED, request, actor="me")
    assert desk.list_events(KEY) == []


def test_every_finding_has_words() -> None:
    """Each kind of finding has its place in the order, its words, and what to do about it."""
    codes = {*CoverageCode, *UpkeepCode}
    assert codes == set(ORDER) == set(FINDING_LOOKS)
    assert {code.value for code in codes} == set(_ADVICE)


def test_an_unknown_finding_is_not_found(desk: FindingDesk) -> None:
    """What is put right has no page any more."""
    with pytest.raises(FindingNotFoundError):
        find_followed(desk.follow([OBSERVED]), "0" * 32)


@pytest.mark.postgres
def test_findings_in_postgresql(postgres_url: str, clock: SetClock) -> None:
    """The migrated tables hold a finding's story there too; a late first step is refused."""
    database = Database(postgres_url)
    try:
        migrate(database)
        desk = FindingDesk(database, AuditLog(database, clock=clock), clock=clock)
        desk.act(OBSERVED, ask(Step.RESOLVE), actor="me")
        desk.act(OBSERVED, ask(Step.REOPEN, seen=1), actor="me")
        with pytest.raises(StaleFindingError):
            desk.act(OBSERVED, ask(Step.TAKE), actor="late")
        assert [event.step for event in desk.list_events(KEY)] == [Step.REOPEN, Step.RESOLVE]
    finally:
        database.close()
