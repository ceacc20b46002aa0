"""Writes the transcripts in docs/ceremonies.md: what the tools print, run for it from the start.

``python -m tests.support.ceremony_transcript`` rewrites the file; a test compares. Keys are made
from their names and the clock stands still, so that nothing changes unless the tools do.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.support.ceremonies import Outcome, Stage
from tests.support.checkout import ROOT
from tests.support.registry import Timepiece, serve

DOCUMENT: Final = ROOT / "docs" / "ceremonies.md"
_PLACE: Final = re.compile(
    r"(<!-- transcript: ([a-z-]+) -->\n).*?(<!-- end of transcript -->)", re.DOTALL
)
_BEGIN: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_WIDTH: Final = 100
_HELD: Final = "--registry copy --root 1.root.json"


class _Writer:
    """Runs commands on the stage and writes down what a person would see."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lines: list[str] = []

    def run(self, words: str, *, code: int = 0, keep: Callable[[str], str] = str) -> Outcome:
        """Run a command line, which must end with ``code``, and write it down."""
        if _HELD in words:
            self.stage.copied()
        outcome = self.stage.run(*words.replace("https://hub.example", self.stage.address).split())
        if outcome.code != code:
            raise RuntimeError(f"{words} ended with {outcome.code}: {outcome.out}{outcome.err}")
        self.lines += _break(f"$ trm-registry {words}")
        shown = keep(outcome.out) + outcome.err
        self.lines += shown.rstrip("\n").split("\n")
        return outcome

    def sign(self, file: str, signer: str, digest: str, held: str = _HELD) -> None:
        """Let a signer sign, typing the digest that was heard; only the end is written down."""
        words = f"ceremony sign {file} --key keys/{signer}.key {held}"
        outcome = self.stage.run(
            *words.replace("https://hub.example", self.stage.address).split(), "--digest", digest
        )
        if outcome.code:
            raise RuntimeError(outcome.err)
        self.lines += _break(f"$ trm-registry {words}")
        asked = "Type the digest as another signer reads it to you over the telephone"
        self.lines += [
            "[the same as 'ceremony show', without the digest]",
            f"{asked}: {digest[:11]} ...",
            outcome.out.rstrip("\n").split("\n")[-1],
        ]

    def take(self) -> str:
        """Return what was written down, and begin anew."""
        text, self.lines = "\n".join(line.rstrip() for line in self.lines), []
        return f"```text\n{text}\n```\n"


def _break(command: str) -> list[str]:
    """Break a long command line as a shell would read it, an option beside its value."""
    lines, line = [], ""
    for part in re.findall(r"--\S+ [^-]\S*|\S+", command):
        if line and len(line) + len(part) + 3 > _WIDTH:
            lines.append(f"{line} \\")
            line = f"      {part}"
        else:
            line = f"{line} {part}" if line else part
    return [*lines, line]


def make_transcripts() -> dict[str, str]:
    """Run every procedure that the document shows; return the texts by name."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder), Timepiece(_BEGIN), is_now=False)
        with serve(stage.host) as address:
            stage.address = address
            return _play(_Writer(stage))


def _play(writer: _Writer) -> dict[str, str]:
    texts = {"founding": _found(writer)}
    stage = writer.stage
    stage.settle()
    for name in ("ME-directory", "op-4", "AL-directory-2", "MK-directory-2", "stranger"):
        stage.make_key(name)
    texts["admission"] = _admit(writer)
    texts["stolen-operator-key"] = _replace_operator(writer)
    texts["stolen-directory-key"] = _replace_directory_key(writer)
    texts["return"] = _return(writer)
    texts["online-key"] = _replace_online_key(writer)
    writer.run(f"ceremony keys {_HELD} --known public")
    texts["keys"] = writer.take()
    return texts


def _found(writer: _Writer) -> str:
    prepared = writer.run(
        "ceremony prepare found --operator-key public/op-1.pub --operator-key public/op-2.pub "
        "--operator-key public/op-3.pub --threshold 2 --online-key public/registry-online.pub "
        "--participant AL=public/AL-directory.pub --participant MK=public/MK-directory.pub "
        "--out founding.json"
    )
    writer.run("ceremony show founding.json --founding --known public", code=1)
    for signer in ("op-1", "op-2"):
        writer.sign("founding.json", signer, prepared.digest, "--founding")
    writer.run(
        "ceremony combine founding.op-1.json founding.op-2.json --out founding.complete.json"
    )
    writer.run(
        "ceremony publish founding.complete.json --founding --repository hub/registry "
        "--online-key hub/registry-online.key"
    )
    root = writer.stage.folder / "hub" / "registry" / "metadata" / "1.root.json"
    shutil.copy(root, writer.stage.folder / "1.root.json")
    writer.stage.host.restart()
    return writer.take()


def _conclude(writer: _Writer, name: str, digest: str, signers: tuple[str, ...]) -> str:
    for signer in signers:
        writer.sign(f"{name}.json", signer, digest)
    copies = " ".join(f"{name}.{signer}.json" for signer in signers)
    writer.run(f"ceremony combine {copies} --out {name}.complete.json")
    writer.run(f"ceremony publish {name}.complete.json --hub https://hub.example")
    return writer.take()


def _admit(writer: _Writer) -> str:
    prepared = writer.run(
        "ceremony prepare admit ME --directory-key public/ME-directory.pub "
        f"{_HELD} --out admit-ME.json"
    )
    writer.run(f"ceremony show admit-ME.json {_HELD} --known public", code=1)
    return _conclude(writer, "admit-ME", prepared.digest, ("op-1", "op-3"))


def _replace_operator(writer: _Writer) -> str:
    stolen = writer.stage.key("op-1").key_id
    prepared = writer.run(
        f"ceremony prepare operators --remove {stolen} --add public/op-4.pub "
        f"{_HELD} --out operators.json"
    )
    writer.run(f"ceremony show operators.json {_HELD} --known public", code=1)
    return _conclude(writer, "operators", prepared.digest, ("op-2", "op-3"))


def _replace_directory_key(writer: _Writer) -> str:
    stage = writer.stage
    stage.submit(
        stage.sign_contacts(
            "AL", signer="AL-directory", node_keys=["AL-node"], note="Call +355 1 234 567 only."
        )
    )
    stage.write_contacts("AL")
    prepared = writer.run(
        "ceremony prepare directory-key AL --directory-key public/AL-directory-2.pub "
        f"--contacts AL.json --node-key public/AL-node.pub {_HELD} --out theft.json"
    )
    writer.run(f"ceremony show theft.json {_HELD} --known public", code=1)
    return _conclude(writer, "theft", prepared.digest, ("op-2", "op-4", "AL-directory-2"))


def _return(writer: _Writer) -> str:
    stage = writer.stage
    file = stage.prepare("depart-MK", "depart", "MK", signers=["op-2", "op-3"])
    if stage.publish(file).code:
        raise RuntimeError("the departure was not published")
    stage.write_contacts("MK")
    writer.run(
        "ceremony prepare admit MK --directory-key public/MK-directory-2.pub --contacts MK.json "
        f"--node-key public/MK-node.pub --node-key public/stranger.pub {_HELD} --out return-MK.json"
    )

    def keep_warnings(shown: str) -> str:
        return shown.split("Who takes part", maxsplit=1)[0] + "[...]\n"

    writer.run(f"ceremony show return-MK.json {_HELD}", code=1, keep=keep_warnings)
    return writer.take()


def _replace_online_key(writer: _Writer) -> str:
    writer.stage.make_key("registry-online-2", folder="hub")
    prepared = writer.run(
        f"ceremony prepare online-key public/registry-online-2.pub {_HELD} --out online.json"
    )
    writer.run(f"ceremony show online.json {_HELD} --known public", code=1)
    return _conclude(writer, "online", prepared.digest, ("op-2", "op-4"))


def rewrite(text: str) -> str:
    """Return the document with every transcript as the tools print it now."""
    texts = make_transcripts()
    missing = set(texts) ^ {found[2] for found in _PLACE.finditer(text)}
    if missing:
        raise RuntimeError(f"transcripts without a place, or places without one: {missing}")
    return _PLACE.sub(lambda found: f"{found[1]}{texts[found[2]]}{found[3]}", text)


def main() -> None:
    """Rewrite the document."""
    DOCUMENT.write_text(rewrite(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT.relative_to(ROOT)} is as the tools print it.\n")


if __name__ == "__main__":
    main()
