"""Opens received files that are complete, and has them scanned: two workers beside the intake."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from console.process.tasks import BackgroundTasks
from node.domain.file_intake import FILE_INTAKE, FileIntakeRules
from node.domain.ports import MailboxLink
from node.domain.scanning import MalwareScanner, ScannerAwayError
from node.service.attachments.opening import OpenOutcome, list_complete, look_through, open_file
from node.service.attachments.opening_ahead import OpeningAhead
from node.service.attachments.scanning import list_unscanned, scan_file
from node.service.context import NodeContext
from node.workers.chunk_intake import ChunkIntake
from node.workers.waiting import wait_for_event

log = structlog.get_logger(__name__)

#: Without a signal (another process took the last chunk in), a look this often, in seconds.
_LOOK_SECONDS: Final = 30.0
#: Files in a row that the scanner gave no verdict on: then it is away, and not the file at fault.
_PATIENCE: Final = 2
#: How long a round may take: sixteen of the largest files, or of the slowest scans.
_OPENING_OVERDUE: Final = timedelta(minutes=5)
_SCANNING_OVERDUE: Final = timedelta(minutes=45)


def add_file_tasks(
    owner: BackgroundTasks,
    context: NodeContext,
    link: MailboxLink,
    *,
    scanner: MalwareScanner | None,
    rules: FileIntakeRules,
) -> ChunkIntake:
    """Add what takes files in, opens them and has them scanned; returns what takes chunks in."""
    intake = ChunkIntake(context, link, rules, has_scanner=scanner is not None)
    opening = FileOpening(context, has_scanner=scanner is not None, rules=rules)
    rounds = [
        ("chunk_intake", intake.run_round, _OPENING_OVERDUE),
        ("file_opening", opening.run_round, _OPENING_OVERDUE),
    ]
    if scanner is not None:
        scanning = FileScanning(context, scanner, rules)
        rounds.append(("file_scanning", scanning.run_round, _SCANNING_OVERDUE))
    for task, work, overdue_after in rounds:
        # These wait by themselves for something to do.
        owner.add_round(task, work, every=timedelta(0), overdue_after=overdue_after)
    return intake


class FileOpening:
    """One worker: opens files whose chunks are all here, and large ones while they come."""

    def __init__(
        self,
        context: NodeContext,
        *,
        has_scanner: bool,
        rules: FileIntakeRules = FILE_INTAKE,
    ) -> None:
        self._context = context
        self._has_scanner = has_scanner
        self._rules = rules
        self._ahead = OpeningAhead(context)
        self._has_looked = False

    async def run_round(self) -> None:
        """Open what is complete, then wait for more. Once at first, compare rows and disk."""
        wake = self._context.signals.files.listen()
        try:
            if await self.open_all() < self._rules.round and not await self.open_ahead():
                await wait_for_event(wake, at_most=_LOOK_SECONDS)
        finally:
            self._context.signals.files.unlisten(wake)

    async def open_ahead(self) -> bool:
        """Open what came of files that are not complete; says whether there is more at once."""
        return await asyncio.to_thread(self._ahead.go_on)

    async def open_all(self) -> int:
        """Open what is complete now, up to the bound of a round; returns how many it were."""
        if not self._has_looked:
            lost = await asyncio.to_thread(
                look_through, self._context, has_scanner=self._has_scanner
            )
            if lost:
                log.warning("files_lost_from_disk", count=lost)
            self._has_looked = True
        complete = await asyncio.to_thread(list_complete, self._context, limit=self._rules.round)
        for file_id in complete:
            outcome = await asyncio.to_thread(
                open_file,
                self._context,
                file_id,
                has_scanner=self._has_scanner,
                begun=self._ahead.take(file_id),
            )
            level = log.info if outcome is OpenOutcome.OPENED else log.warning
            level("received_file_opened", file_id=file_id, outcome=outcome)
        if complete and self._has_scanner:
            self._context.signals.scans.notify()
        return len(complete)


class FileScanning:
    """One worker: has opened files scanned, one after the other."""

    def __init__(
        self,
        context: NodeContext,
        scanner: MalwareScanner,
        rules: FileIntakeRules = FILE_INTAKE,
    ) -> None:
        self._context = context
        self._scanner = scanner
        self._rules = rules

    async def run_round(self) -> None:
        """Scan what waits, then wait for more; raises ``ScannerAwayError`` while it is away."""
        wake = self._context.signals.scans.listen()
        try:
            if await self.scan_all() < self._rules.round:
                await wait_for_event(wake, at_most=_LOOK_SECONDS)
        finally:
            self._context.signals.scans.unlisten(wake)

    async def scan_all(self) -> int:
        """Scan what waits now, up to the bound of a round; returns how many had a verdict."""
        scanned = failures = 0
        for file_id in await asyncio.to_thread(
            list_unscanned, self._context, limit=self._rules.round
        ):
            try:
                outcome = await asyncio.to_thread(scan_file, self._context, self._scanner, file_id)
            except ScannerAwayError:
                failures += 1
                log.warning("scanner_away", file_id=file_id)
                if failures >= _PATIENCE:
                    raise
                continue
            scanned, failures = scanned + 1, 0
            log.info("received_file_scanned", file_id=file_id, outcome=outcome)
        return scanned
