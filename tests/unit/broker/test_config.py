"""The configuration file of nats-server."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.broker.config import BrokerConfig, render_server_config
from hub.broker.embedded import EmbeddedBroker, EmbeddedBrokerError, find_server_binary
from hub.broker.operator import create_operator_material, load_operator_material
from tests.support.broker import write_certificates

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> BrokerConfig:
    """Describe a broker whose folder needs quoting, with an encrypted store."""
    _, certificate, key = write_certificates(tmp_path / 'a "quoted" folder')
    return BrokerConfig(
        state_directory=tmp_path / "état {1}",
        certificate=certificate,
        private_key=key,
        store_key_variable="BROKER_STORE_KEY",
    )


def render(config: BrokerConfig, tmp_path: Path) -> str:
    """Render with fresh keys."""
    create_operator_material(tmp_path / "operator", name="test", issued_at=NOW)
    return render_server_config(
        config, load_operator_material(tmp_path / "operator"), issued_at=NOW
    )


def test_the_real_server_accepts_it(config: BrokerConfig, tmp_path: Path) -> None:
    """nats-server itself checks the file, odd paths and all."""
    file = tmp_path / "broker.conf"
    file.write_text(render(config, tmp_path))

    done = subprocess.run(
        [str(find_server_binary()), "-t", "-c", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"BROKER_STORE_KEY": "k" * 32},
    )

    assert done.returncode == 0, done.stderr


def test_it_holds_no_secret_and_every_safeguard(config: BrokerConfig, tmp_path: Path) -> None:
    """No seed stands in it; TLS first, sync always, the full resolver and the cipher do."""
    text = render(config, tmp_path)

    for seed in (tmp_path / "operator").glob("*.seed"):
        assert seed.read_text().strip() not in text
    for safeguard in (
        "sync_interval: always",
        "handshake_first: true",
        'min_version: "1.3"',
        "type: full",
        "cipher: chacha",
        "key: $BROKER_STORE_KEY",
    ):
        assert safeguard in text


@pytest.mark.parametrize("variable", ["lower", "A B", "X\nport: 1", "$X", "1X"])
def test_a_variable_cannot_break_out_of_its_place(tmp_path: Path, variable: str) -> None:
    """Only a plain name of an environment variable is taken."""
    with pytest.raises(ValueError, match="environment variable"):
        BrokerConfig(tmp_path, tmp_path, tmp_path, store_key_variable=variable)


def test_a_server_that_does_not_start_says_why(config: BrokerConfig, tmp_path: Path) -> None:
    """The error carries the server's own last words, and no process stays."""
    render(config, tmp_path)
    config.private_key.write_text("no key")
    broker = EmbeddedBroker(
        config,
        load_operator_material(tmp_path / "operator"),
        clock=lambda: NOW,
        environment={"BROKER_STORE_KEY": "k" * 32},
    )

    with pytest.raises(EmbeddedBrokerError, match=r"(?s)status 1.*(key|PEM)"):
        broker.start()
    assert not broker.is_running
