"""Reading codes of HTCDS: any text is a code of ours or malformed, never anything else."""

from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import MalformedError
from protocol.messages.htcds import MATCHES, HtcdsList, list_mapped_codes, parse_htcds

fields = st.sampled_from([field.value for field in HtcdsList])
values = st.sampled_from([item.value for item in MATCHES])


@given(fields | st.text(), values | st.text())
@example("hte_Type", "Recruitment")
@example("", "")
def test_any_text_is_a_code_or_malformed(field: str, text: str) -> None:
    """Whatever is given, a member of a mapped list comes back or the text is refused."""
    try:
        code = parse_htcds(field, text)
    except MalformedError:
        return
    assert type(code) in list_mapped_codes()
    assert any(
        item.list.value == field and item.value == text and item.code is code for item in MATCHES
    )


@given(fields, values, st.sampled_from([" ", "x", "\n"]))
def test_nearly_a_value_is_no_value(field: str, value: str, more: str) -> None:
    """A value with anything before or after it is refused."""
    for text in (value + more, more + value):
        try:
            parse_htcds(field, text)
        except MalformedError:
            continue
        raise AssertionError(f"{text!r} was read as a code.")
