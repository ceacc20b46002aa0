"""Why a contact list cannot be read, in the reader's language."""

from typing import Final

from console.i18n import msg
from console.phrasebook import Phrasebook

LIST_REFUSALS: Final = Phrasebook(
    (
        msg("The list is not UTF-8: save it as CSV (UTF-8) or XLSX."),
        msg("The list is empty: it needs a heading row and at least one row."),
        msg(
            "The list and the document of %(participant)s do not go together into one document: it "
            "holds at most 500 desks and 1 MB. Remove the desks that have ended."
        ),
        msg("The list has %(size)s characters; at most %(most)s are read at once. Split it."),
        msg(
            "The list is not comma-separated text (%(error)s): save it as CSV (UTF-8) and try "
            "again."
        ),
        msg("The list has more than %(most)s rows. Split it."),
        msg("The list has more than %(most)s columns: remove what is empty."),
        msg(
            "A heading is there twice, or two headings mean the same: give each column its own "
            "heading, or map one of them to null (--map)."
        ),
        msg(
            "The file is not a workbook that can be read (XLSX): open it in a spreadsheet program "
            "and save it as XLSX or as CSV (UTF-8)."
        ),
        msg(
            "The workbook has %(size)s bytes; at most %(most)s are read. Remove pictures, or save "
            "it as CSV (UTF-8)."
        ),
        msg(
            "The workbook unpacks to %(parts)s parts and %(size)s bytes; at most %(most_parts)s "
            "and %(most)s are read. Save the list alone, as XLSX or CSV."
        ),
        msg("The workbook is encrypted: save it without a password."),
        msg("The workbook has more than %(most)s sheets: split it."),
        msg("The workbook has no sheet of that name: look it up."),
        msg(
            "%(count)s sheets of the workbook hold something: say which one is the list (--sheet "
            "NAME), and import the others one by one."
        ),
        msg("The sheet has more than %(most)s characters. Split it into several lists."),
    )
)
"""The sentences of ``contact_registry.importing`` that a file can bring about."""
