"""Templates are compiled once for all languages, and each language still says its own words."""

from babel.support import NullTranslations
from jinja2 import DictLoader, Environment
from typing_extensions import override

from console.compiled import CompiledOnce


class Shouting(NullTranslations):
    """Says everything in capitals."""

    @override
    def gettext(self, message: str) -> str:
        return message.upper()


def build(
    compiled: CompiledOnce, translations: NullTranslations, source: str = "{{ _('good morning') }}"
) -> Environment:
    """Build an environment as a page's renderer does, with one template."""
    environment = Environment(
        loader=DictLoader({"page.html": source}),
        bytecode_cache=compiled,
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals["gettext"] = environment.globals["_"] = translations.gettext
    return environment


def test_each_language_says_its_own_words() -> None:
    """What was compiled for the first reader's language speaks the second one's, too."""
    compiled = CompiledOnce()
    said = [
        build(compiled, translations).get_template("page.html").render()
        for translations in (NullTranslations(), Shouting(), NullTranslations())
    ]
    assert said == ["good morning", "GOOD MORNING", "good morning"]


def test_a_changed_template_is_compiled_anew() -> None:
    """The code belongs to what stands in the file, not to its name."""
    compiled = CompiledOnce()
    for source in ("one", "two"):
        page = build(compiled, NullTranslations(), source).get_template("page.html")
        assert page.render() == source
