"""The command line teaches, does, and fails with one clear line."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from contact_registry.cli import app, main
from tests.support.registry_content import FULL_CONTACTS

LIST = Path("contact_registry/data/trm_contacts_2022.csv")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command line as the installed script does."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["trm-registry", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def registry(run: Run, tmp_path: Path) -> list[object]:
    """Options of a registry with one operator, made by the commands themselves."""
    for name in ("operator", "online", "AL"):
        assert run("keygen", tmp_path / name).code == 0
    options: list[object] = ["--online-key", tmp_path / "online.key"]
    operator: list[object] = ["--operator-key", tmp_path / "operator.key"]
    folder = tmp_path / "registry"
    assert run("init", folder, *operator, *options).code == 0
    options += ["--repository", folder]
    added = run(
        "add-participant", "AL", "--directory-key", tmp_path / "AL.pub", *operator, *options
    )
    assert added.out == "Albania takes part as of version 2.\n"
    return options


@pytest.mark.parametrize(
    "command", [command.name or command.callback.__name__.replace("_", "-")
                for command in app.registered_commands if command.callback]
)  # fmt: skip
def test_every_command_teaches(run: Run, command: str) -> None:
    """Each command's help says what it does and shows an example."""
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "Example: trm-registry" in outcome.out


def test_help_shows_the_way(run: Run) -> None:
    """The main help leads from nothing to a published registry, and names the exit codes."""
    outcome = run("--help")
    assert outcome.code == 0
    for step in ("keygen", "init", "add-participant", "import", "publish-contacts", "Exit codes"):
        assert step in outcome.out


def test_import_as_json(run: Run) -> None:
    """A dry run of the real list prints every row as taken over, with its findings."""
    outcome = run("import", LIST, "--dry-run", "--json")
    assert outcome.code == 0
    answer = json.loads(outcome.out)
    assert (answer["rows"], answer["accepted"]) == (66, 66)
    assert sum(f["code"] == "nobody_reachable" for f in answer["findings"]) == 13


def test_from_list_to_published(run: Run, registry: list[object], tmp_path: Path) -> None:
    """Import, publish, show and resolve work one after the other."""
    drafts = tmp_path / "drafts"
    assert "66 of 66 rows" in run("import", LIST, "--out", drafts).out
    published = run(
        "publish-contacts", drafts / "AL.json", "--directory-key", tmp_path / "AL.key", *registry
    )
    assert published.code == 0
    shown = run("show", *registry[2:])
    assert "7 desks (2 unreachable), listed by the operator; no node" in shown.out
    found = run("resolve", "AL", "first_assistance", *registry[2:])
    assert found.code == 0
    assert "Directorate of Social Services" in found.out
    assert "+35544541821" in found.out
    gap = run("resolve", "AL", "identification", "--json", *registry[2:])
    assert gap.code == 1
    assert json.loads(gap.out)["reason_code"] == "nobody_reachable"
    again = run("import", LIST, "--out", drafts)
    assert again.code == 2
    assert "choose another folder" in again.err


def test_blocking_finding_has_its_exit_code(run: Run, tmp_path: Path) -> None:
    """An unknown measure makes the import end with 1."""
    path = tmp_path / "list.csv"
    path.write_text("participant,trm_measure,authority\nAL,Astrology,Desk\n")
    outcome = run("import", path, "--dry-run")
    assert outcome.code == 1
    assert "unknown_measure" in outcome.out


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("show", "--repository", "/nonexistent/registry"), "trm-registry init"),
        (("import", "/nonexistent.csv", "--dry-run"), "check the name"),
        (("import", str(LIST)), "--dry-run"),
        (("resolve", "al", "return", "--repository", "/nonexistent"), "registry yet|capital"),
        (("verify", "http://127.0.0.1:1", "--root", "/nonexistent"), "check the name"),
    ],
)
def test_errors_are_one_line(run: Run, words: tuple[str, ...], advice: str) -> None:
    """What cannot be done ends with 2, one line that says what to do, and no traceback."""
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("trm-registry: ")
    assert outcome.err.count("\n") == 1
    assert any(part in outcome.err for part in advice.split("|"))
    assert "Traceback" not in outcome.err


def test_refusals_name_their_code(run: Run, registry: list[object], tmp_path: Path) -> None:
    """A change signed by the wrong key is refused with its code."""
    drafts = tmp_path / "drafts"
    run("import", LIST, "--out", drafts)
    outcome = run(
        "publish-contacts", drafts / "AL.json", "--directory-key", tmp_path / "operator.key",
        *registry,
    )  # fmt: skip
    assert outcome.code == 2
    assert "[not_signed]" in outcome.err


def test_keys_are_never_overwritten(run: Run, tmp_path: Path) -> None:
    """Making a key under a name that is taken changes nothing."""
    run("keygen", tmp_path / "key")
    before = (tmp_path / "key.key").read_bytes()
    assert run("keygen", tmp_path / "key").code == 2
    assert (tmp_path / "key.key").read_bytes() == before


@pytest.fixture
def published(run: Run, registry: list[object], tmp_path: Path) -> list[object]:
    """Options of a registry in which AL published everything that a document can say."""
    draft = tmp_path / "AL.json"
    draft.write_text(json.dumps(FULL_CONTACTS), encoding="utf-8")
    outcome = run("publish-contacts", draft, "--directory-key", tmp_path / "AL.key", *registry)
    assert outcome.code == 0
    return registry[2:]


def test_resolve_says_whom_to_turn_to(run: Run, published: list[object]) -> None:
    """By day the desk, by night its route; reserve and hours are shown, for any moment asked."""
    day = run("resolve", "AL", "return", "--at", "2026-03-02", *published)
    assert day.code == 0
    assert "within its hours: 13:00 there. Turn to the desk." in day.out
    assert "reserve: Duty Office (AL-duty-office) - Ask for the referral desk." in day.out
    night = run("resolve", "AL", "return", "--at", "2026-03-02T22:30", *published)
    assert "it opens on 2026-03-03 at 08:00 there. Turn to the out-of-hours route." in night.out
    answer = json.loads(
        run("resolve", "AL", "return", "--at", "2026-03-02T22:30", "--json", *published).out
    )
    assert answer["turn_to"] == "out_of_hours"
    assert answer["duty"]["next_opening"] == "2026-03-03T07:00:00+00:00"
    assert answer["out_of_hours"]["telephones"][0]["e164"] == "+35544541822"
    assert answer["reserve"]["authority"] == "AL-duty-office"


def test_resolve_knows_places(run: Run, published: list[object]) -> None:
    """A desk for one place is not named for another."""
    assert run("resolve", "AL", "return", "--place", "TIRANA", *published).code == 0
    assert run("resolve", "AL", "return", "--place", "Vlorë", *published).code == 1


def test_coverage_as_table_and_as_data(run: Run, published: list[object]) -> None:
    """Table and data hold the same cells and findings; findings end with exit code 1."""
    table = run("coverage", "--at", "2026-03-02", *published)
    assert table.code == 1
    assert "  return                yes        yes        yes        yes" in table.out
    assert "  proceedings           NOBODY     NOBODY     NOBODY     NOBODY" in table.out
    assert "AL nobody_competent (proceedings, child)" in table.out
    data = json.loads(run("coverage", "--at", "2026-03-02", "--json", *published).out)
    assert len(data["cells"]) == 20
    assert data["cells"][0].keys() == {
        "participant", "phase", "person_group", "hours", "state", "authority",
    }  # fmt: skip
    assert f"{len(data['findings'])} findings" in table.out


def test_freshness_names_what_somebody_must_look_at(run: Run, published: list[object]) -> None:
    """Marks with their reasons, and each desk whose review is late or near, as text and data."""
    table = run("freshness", "--at", "2026-07-15", *published)
    assert table.code == 1
    assert "  freshness: 50 of 100 (1 never confirmed)" in table.out
    assert "  Coordination Office: the review is due on 2026-08-01" in table.out
    assert "  Duty Office: never confirmed" in table.out
    late = run("freshness", "--at", "2026-08-02", "--json", *published)
    (listed,) = json.loads(late.out)["participants"]
    assert listed["freshness"]["points"] == 0
    states = {review["authority"]: review["state"] for review in listed["reviews"]}
    assert states == {"AL-coordination-office": "overdue", "AL-duty-office": "never_confirmed"}


def test_agreements_show_whose_word_is_missing(run: Run, published: list[object]) -> None:
    """An agreement that one party alone states is shown with its hash, and does not count."""
    shown = run("agreements", "--at", "2026-03-02", *published)
    assert shown.code == 1
    assert "does NOT count" in shown.out
    assert "MISSING: MK does not take part" in shown.out
    assert "notice of MK, received on 2028-11-03; its last day is 2029-05-02" in shown.out
    (listed,) = json.loads(run("agreements", "--json", *published).out)["agreements"]
    assert listed["sha256"] in shown.out
    assert listed["missing"] == {"MK": "no_participant"}


@pytest.mark.parametrize("at", ["tomorrow", "2026-02-30", "2026-03-02T24:00", "2026-03-02 12:00"])
def test_a_moment_is_written_in_one_way(run: Run, published: list[object], at: str) -> None:
    """What is no day and no moment is refused, with how to write it."""
    outcome = run("coverage", "--at", at, *published)
    assert outcome.code == 2
    assert "2026-03-01T22:30" in outcome.err


def test_export_in_every_format(run: Run, registry: list[object], tmp_path: Path) -> None:
    """Each format is written, names the version's code, and the table comes back unchanged."""
    drafts, options = tmp_path / "drafts", registry[2:]
    run("import", LIST, "--out", drafts)
    run("publish-contacts", drafts / "AL.json", "--directory-key", tmp_path / "AL.key", *registry)
    shown = run("show", *options).out
    for name in ("json", "csv", "xlsx", "vcard", "html", "pdf"):
        out = tmp_path / f"list.{name}"
        written = run("export", "--format", name, "--language", "sq", "--out", out, *options)
        assert written.code == 0
        assert written.out.split()[-1] in shown
        assert out.stat().st_size > 1000
    again = run(
        "import", tmp_path / "list.xlsx", "--onto", drafts / "AL.json", "--dry-run", "--json"
    )
    assert {change["change"] for change in json.loads(again.out)["changes"]} == {"unchanged"}
    assert "7 unchanged" in run(
        "import", tmp_path / "list.csv", "--onto", drafts / "AL.json", "--dry-run"
    ).out  # fmt: skip


def test_import_with_mapping_and_participant(run: Run, tmp_path: Path) -> None:
    """A mapping file and the Participant's code make a foreign list readable."""
    (tmp_path / "list.csv").write_text("Ko;Faza\nKancelarija;Povratak\n", encoding="utf-8")
    (tmp_path / "map.json").write_text('{"headings": {"Ko": "authority"}}', encoding="utf-8")
    words = ("import", tmp_path / "list.csv", "--dry-run", "--json", "--participant", "RS")
    mapped = run(*words, "--map", tmp_path / "map.json")
    assert (mapped.code, json.loads(mapped.out)["accepted"]) == (0, 1)
    refused = run(*words)
    assert refused.code == 2
    assert "--map" in refused.err


def test_two_documents_of_one_participant_are_refused(run: Run, tmp_path: Path) -> None:
    """Onto two documents of one Participant nothing is imported."""
    run("import", LIST, "--out", tmp_path)
    onto = ("--onto", tmp_path / "AL.json")
    outcome = run("import", LIST, "--dry-run", *onto, *onto)
    assert outcome.code == 2
    assert "one of each" in outcome.err
