"""The translated catalogues and the glossary are whole, and the tool of translators is strict."""

import json
from pathlib import Path

import pytest

from console.glossary import COLUMNS, GlossaryError, load_glossary
from console.i18n import (
    LOCALES_FOLDER,
    TEMPLATE,
    Language,
    compile_catalogue,
    load_catalogue,
    nmsg,
    translate,
)
from console.serbian import write_latin
from console.translation_checks import find_catalogue_findings, find_flaws, key_of
from scripts import generate_languages
from scripts import translate as tool

CYRILLIC = Language.SERBIAN_CYRILLIC
PRESENT = sorted(path.stem for path in LOCALES_FOLDER.glob("*.po"))


def test_every_catalogue_of_the_tree_is_whole() -> None:
    """No sentence is missing, unsure, unused or damaged, in any language that is begun."""
    template = load_catalogue(TEMPLATE)
    findings = {
        tag: find_catalogue_findings(
            Language(tag), load_catalogue(LOCALES_FOLDER / f"{tag}.po"), template
        )
        for tag in PRESENT
    }
    assert findings == {tag: [] for tag in PRESENT}


def test_what_follows_from_the_translations_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latin Serbian, the glossary's column, and the table are as their sources say."""
    monkeypatch.setattr("sys.argv", ["generate_languages", "--check"])
    assert generate_languages.main() == 0


def test_a_percent_sign_is_written_twice() -> None:
    """What the source writes as %% stays so, and a full stop may follow it."""
    assert find_flaws(["Taken: %(size)s %%."], ["Zauzeto: %(size)s %%."], Language.BOSNIAN) == []


@pytest.mark.parametrize(
    ("source", "text", "language", "flaw"),
    [
        ("Save %(name)s.", "Spremi %(ime)s.", "hr", "keep exactly these places: name"),
        ("Save %(name)s.", "Spremi.", "hr", "keep exactly these places: name"),
        ("Save %(name)s.", "Spremi 100% %(name)s.", "hr", "write a percent sign as %%"),
        ("See <b>this</b>", "Vidi ovo", "hr", "keep exactly these tags: <b> </b>"),
        ("Saved.", "Spremljeno", "hr", "end it with a full stop"),
        ("Saved ", "Spremljeno", "hr", "begin and end it with blanks"),
        ("Saved", " ", "hr", "it is empty"),
        ("In Kosovo*", "Na Kosovu", "hr", "carries its star"),
        ("In Kosovo*", "На Косову", "sr-Cyrl", "carries its star"),  # noqa: RUF001 - Cyrillic is meant
        ("Saved", "Spremlјeno", "hr", "it has Cyrillic letters"),  # noqa: RUF001 - one letter is foreign
        ("Saved", "Сачувано save", "sr-Cyrl", "in Latin letters: save"),
        ("A sentence of five words", "A sentence of five words", "sq", "it is still English"),
    ],
)
def test_a_damaged_translation_is_named(source: str, text: str, language: str, flaw: str) -> None:
    """Each way of breaking a sentence is found, and told in words."""
    assert flaw in " ".join(find_flaws([source], [text], Language(language)))


def test_a_good_translation_passes() -> None:
    """Places in another order, a star in an inflected name, three forms: all in order."""
    assert find_flaws(["%(a)s to %(b)s."], ["Za %(b)s od %(a)s."], Language.CROATIAN) == []
    assert find_flaws(["In Kosovo*"], ["Në Kosovë*"], Language.ALBANIAN) == []
    assert find_flaws(["TRM is here"], ["Овде је TRM"], CYRILLIC) == []  # noqa: RUF001 - Cyrillic
    forms = ["%(n)s dan", "%(n)s dana", "%(n)s dana"]
    assert find_flaws(["%(n)s day", "%(n)s days"], forms, Language.BOSNIAN) == []
    assert find_flaws(["%(n)s day", "%(n)s days"], forms[:2], Language.BOSNIAN) == [
        "give 3 forms, not 2"
    ]


@pytest.mark.parametrize(
    ("cyrillic", "latin"),
    [
        ("Његош, ЊЕГОШ, надживети, инјекција", "Njegoš, NJEGOŠ, nadživeti, injekcija"),
        ("Џеп и љубав: Љ", "Džep i ljubav: Lj"),
        ("%(name)s <b>ђак</b> TRM 100%%", "%(name)s <b>đak</b> TRM 100%%"),
        ("ЋУТИ, Ђорђе, ЏБ", "ĆUTI, Đorđe, DŽB"),
    ],
)
def test_latin_serbian_follows_letter_by_letter(cyrillic: str, latin: str) -> None:
    """Letters that become two, capitals, and what is no Cyrillic at all."""
    assert write_latin(cyrillic) == latin


def test_the_glossary_has_every_word_in_every_language() -> None:
    """At least eighty terms, each once, none left out, each in its own script."""
    terms = load_glossary()
    english = [term.words[Language.ENGLISH] for term in terms]
    assert len(terms) >= 80
    assert len(set(english)) == len(english)
    flaws = [
        (word, flaw)
        for term in terms
        for language, word in term.words.items()
        if language is not Language.ENGLISH
        for flaw in find_flaws([term.words[Language.ENGLISH]], [word], language)
    ]
    assert flaws == []


def test_a_gap_in_the_glossary_is_named(tmp_path: Path) -> None:
    """A word that nobody wrote, or a column that nobody knows, stops the start with its place."""
    path = tmp_path / "glossary.csv"
    path.write_text(",".join(COLUMNS) + "\nword,,a,b,c,,e,f,g\n", encoding="utf-8")
    with pytest.raises(GlossaryError, match="line 2 of the glossary has no word in mk"):
        load_glossary(path)
    path.write_text("en,de\nword,Wort\n", encoding="utf-8")
    with pytest.raises(GlossaryError, match="needs the columns"):
        load_glossary(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the tool work in a folder of its own."""
    monkeypatch.setattr(tool, "LOCALES_FOLDER", tmp_path)
    return tmp_path


def test_translations_are_stored_piece_by_piece(folder: Path) -> None:
    """Good ones are kept with the right plurals, bad ones are named; a sister language copies."""
    language = Language.BOSNIAN
    asked = tool.show_next(language, count=10_000, under="console", part="1/1")
    given: dict[str, str | list[str]] = {
        key: [told["en"]] * 3 if "forms" in told else told["en"] for key, told in asked.items()
    }
    plural = next(key for key, told in asked.items() if told["en"] == "%(count)s minutes")
    given[plural] = ["%(count)s minuta", "%(count)s minute", "%(count)s minuta"]
    bad = next(key for key, told in asked.items() if told["en"].startswith("Choose a password of"))
    given[bad] = "Odaberite lozinku."
    problems = tool.put(language, given | {"0000000000": "?"})
    assert any(line.startswith(f"{bad}: keep exactly these places: count") for line in problems)
    assert "0000000000: no such sentence now; ask for the next ones" in problems
    catalogue = load_catalogue(folder / "bs.po")
    translations = compile_catalogue(catalogue)
    said = [
        translate(nmsg("%(count)s minute", "%(count)s minutes", count), translations)
        for count in (1, 3, 5, 21)
    ]
    assert said == ["1 minuta", "3 minute", "5 minuta", "21 minuta"]
    left = tool.show_next(language, count=10_000, under="console", part="1/1")
    assert bad in left
    assert plural not in left
    assert tool.copy(Language.MONTENEGRIN, language) > 0
    assert plural in tool.find_shown(Language.MONTENEGRIN, "minuta")
    assert tool.report(language)[0].startswith("bs: ")


def test_parts_of_a_language_make_the_whole(folder: Path) -> None:
    """Three translators at one language get every sentence, and none of them twice."""
    language = Language.MACEDONIAN
    parts = [
        tool.show_next(language, count=10_000, under="", part=f"{number}/3") for number in (1, 2, 3)
    ]
    whole = tool.show_next(language, count=10_000, under="", part="1/1")
    assert sum(len(part) for part in parts) == len(whole)
    assert set().union(*parts) == set(whole)
    assert not list(folder.iterdir())


def test_a_derived_catalogue_is_in_latin_letters(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sentence of the Cyrillic file comes out in Latin script, its plurals with it."""
    template = load_catalogue(TEMPLATE)
    known = {key_of("You are signed out", None): "Одјављени сте"}
    catalogue = tool.make_catalogue(CYRILLIC, template, known)
    tool.save_catalogue(CYRILLIC, catalogue)
    monkeypatch.setattr(generate_languages, "CYRILLIC", folder / "sr-Cyrl.po")
    latin = generate_languages.derive_latin()
    assert latin is not None
    (folder / "sr-Latn.po").write_bytes(latin)
    found = load_catalogue(folder / "sr-Latn.po").get("You are signed out")
    assert found is not None
    assert found.string == "Odjavljeni ste"


def test_the_command_says_what_it_did(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands print what they did, and exit with 1 when something is wrong."""
    file = folder / "given.json"
    file.write_text(json.dumps({"0000000000": "?"}), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["translate", "hr", "put", str(file)])
    assert tool.main() == 1
    assert "stored 0 of 1" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["translate", "hr", "next", "--count", "2"])
    assert tool.main() == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    monkeypatch.setattr("sys.argv", ["translate", "hr", "status"])
    assert tool.main() == 0
    assert capsys.readouterr().out.startswith("hr: 0 of ")
