"""OpenPGP as people's mail uses it: GnuPG as a program, or a library inside the process."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pysequoia

_GPG_SECONDS: Final = 60.0


class ForgedMailError(Exception):
    """A mail that does not open or carries no good signature of whom it says it is from."""


class OpenPgp(Protocol):
    """One correspondent's keys, and the public key of the other."""

    def seal(self, content: bytes) -> bytes:
        """Sign and encrypt for the other one; ASCII-armored."""
        ...

    def open(self, sealed: bytes) -> bytes:
        """Decrypt, and verify that the other one signed; raises :class:`ForgedMailError`."""
        ...

    def close(self) -> None:
        """Give back what runs for it."""
        ...


class GnuPg:
    """The ``gpg`` program, one process for each step, as mail programs call it."""

    def __init__(self, home: Path, *, own: str, other: str) -> None:
        self._home, self._own, self._other = home, own, other

    def seal(self, content: bytes) -> bytes:
        """Sign and encrypt for the other one; ASCII-armored."""
        return run_gpg(
            self._home,
            ["--armor", "--sign", "--encrypt", "-u", self._own, "-r", self._other],
            content=content,
        )

    def open(self, sealed: bytes) -> bytes:
        """Decrypt and verify."""
        command = _command(self._home, ["--status-fd", "2", "--decrypt"])
        done = subprocess.run(
            command, input=sealed, capture_output=True, check=False, timeout=_GPG_SECONDS
        )
        if done.returncode != 0 or b"[GNUPG:] VALIDSIG " not in done.stderr:
            raise ForgedMailError("A mail did not open or was not signed: look at the keyrings.")
        return done.stdout

    def close(self) -> None:
        """End the agent that holds the secret keys."""
        subprocess.run(
            ["/usr/bin/env", "gpgconf", "--homedir", str(self._home), "--kill", "all"],
            check=False,
            capture_output=True,
            timeout=_GPG_SECONDS,
        )


class InProcess:
    """Sequoia (``pysequoia``): the same messages without a program for each step."""

    def __init__(self, own: bytes, other: bytes) -> None:
        secrets = pysequoia.Tsk.from_bytes(own)
        self._signer, self._decryptor = secrets.signer(), secrets.decryptor()
        self._other = pysequoia.Cert.from_bytes(other)

    def seal(self, content: bytes) -> bytes:
        """Sign and encrypt for the other one; ASCII-armored."""
        sealed: bytes = pysequoia.encrypt(content, recipients=[self._other], signer=self._signer)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        """Decrypt and verify."""
        opened = pysequoia.decrypt(
            sealed, decryptor=self._decryptor, store=lambda _key_ids: [self._other]
        )
        if not opened.valid_sigs or opened.bytes is None:
            raise ForgedMailError("A mail did not open or was not signed: look at the keys.")
        return opened.bytes

    def close(self) -> None:
        """Nothing runs."""


def make_gnupg_homes(folder: Path, correspondents: Sequence[str]) -> list[Path]:
    """Make a key for each (Ed25519 and Curve25519, no passphrase); all know all public keys.

    ``folder`` needs a short path: the agent's socket lies in it (at most 107 bytes).
    """
    homes = []
    for number, name in enumerate(correspondents):
        home = folder / f"g{number}"
        home.mkdir(mode=0o700)
        run_gpg(home, ["--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "0"])
        listing = run_gpg(home, ["--with-colons", "--list-keys", name]).decode()
        fingerprint = next(
            line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")
        )
        run_gpg(home, ["--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "0"])
        homes.append(home)
    publics = [run_gpg(home, ["--export"]) for home in homes]
    for home in homes:
        run_gpg(home, ["--import"], content=b"".join(publics))
    return homes


def make_certificates(correspondents: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Make a key for each with the library; returns (secret, public) of each."""
    pairs = []
    for name in correspondents:
        secrets = pysequoia.Tsk.generate(user_id=name)
        pairs.append((bytes(secrets), bytes(secrets.extract_certificate())))
    return pairs


def _command(home: Path, arguments: Sequence[str]) -> list[str]:
    return [
        *("/usr/bin/env", "gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet"),
        *("--pinentry-mode", "loopback", "--trust-model", "always", *arguments),
    ]


def run_gpg(home: Path, arguments: Sequence[str], *, content: bytes = b"") -> bytes:
    """Run gpg; raises ``CalledProcessError`` with what it said."""
    return subprocess.run(
        _command(home, arguments),
        input=content,
        capture_output=True,
        check=True,
        timeout=_GPG_SECONDS,
    ).stdout
