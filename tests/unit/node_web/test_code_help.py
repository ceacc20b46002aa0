"""What codes mean: said beside the choices of forms, and with the words of the field."""

from html import unescape

from node.web.labels import CODE_LABELS, explain_codes
from node.web.words.code_help import CODE_HELP, list_explained
from protocol.messages.codes import ExploitationForm, TraffickingStatus
from tests.support.node_console import PageReader, write_notification

_LONGEST = 80
"""A help is read at a glance."""


def test_each_help_is_one_plain_sentence_of_a_code_that_has_a_name() -> None:
    """None is longer than a line or two, none is left over, and none stands for two codes' name."""
    for codes, helps in CODE_HELP.items():
        assert set(helps) <= set(codes)
        assert set(helps) <= set(CODE_LABELS[codes])
        for words in helps.values():
            assert words.msgid.endswith(".")
            assert len(words.msgid) <= _LONGEST, words.msgid
    explained = list_explained(CODE_LABELS)
    names = {(word.context, word.msgid, said.msgid) for word, said in explained}
    assert len(names) == len(explained)
    value, _, said = next(iter(explain_codes(TraffickingStatus)))
    assert (value, said) == ("potential", CODE_HELP[TraffickingStatus]["potential"])


async def test_the_choices_of_a_form_say_what_they_mean(al: PageReader) -> None:
    """Beside a radio or a box, which names it as its description; and once for all in the list."""
    await write_notification(al)
    draft = al.path.split("/")[2]
    text = unescape((await al.open(f"/new/{draft}/facts")).text)
    servitude = CODE_HELP[ExploitationForm][ExploitationForm.SERVITUDE].msgid
    before, _, after = text.partition(f">{servitude}<")
    assert after
    note = before.rpartition('id="')[2].partition('"')[0]
    assert f'aria-describedby="{note}"' in before
    glossary = unescape((await al.open("/glossary")).text)
    for helps in CODE_HELP.values():
        for words in helps.values():
            assert words.msgid in glossary
