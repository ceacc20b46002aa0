"""The printed list as one HTML page: nothing is fetched, nothing runs, ready to print."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from contact_registry.exporting.layout import PrintedList

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("contact_registry.exporting", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def export_html(printed: PrintedList) -> bytes:
    """Return the page in UTF-8. Every word of the registry is escaped."""
    template = _ENVIRONMENT.get_template("contact_list.html")
    return template.render(printed=printed, words=printed.wording).encode()
