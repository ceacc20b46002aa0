"""Half a cluster is refused, each server gets its own configuration, and the examples hold."""

import configparser
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from hub.broker.cluster import check_replicas, parse_members
from hub.broker.config import BrokerConfig, render_server_config
from hub.broker.embedded import find_server_binary
from hub.broker.operator import create_operator_material
from hub.cli import app
from hub.monitoring.quorum import read_copies
from hub.settings import HubSettings, describe_problems
from tests.support.broker import read_clock
from tests.support.checkout import ROOT
from tests.support.cluster import NAMES, cluster_place

EXAMPLES = ROOT / "deploy" / "broker"
THREE = "broker-1=a.example:6222,broker-2=b.example:6222,broker-3=c.example:6222"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("broker-1=a:1,broker-2=b:1", "3 or 5 servers, not 2"),
        ("broker-1=a:1", "3 or 5 servers, not 1"),
        (f"{THREE},broker-4=d:1", "3 or 5 servers, not 4"),
        ("broker-1=a:1,broker-1=b:1,broker-3=c:1", "named twice"),
        ("broker-1=a:1,broker-2=a:1,broker-3=c:1", "one route address"),
        ("broker-1=a:99999,broker-2=b:1,broker-3=c:1", "number from 1"),
        ("broker-1=a:0,broker-2=b:1,broker-3=c:1", "number from 1"),
        ("a.example:6222", "is no server of a cluster"),
        ('b"x=a:1', "is no server of a cluster"),
        ("b=a b:1", "is no server of a cluster"),
    ],
)
def test_half_a_cluster_is_refused(text: str, hint: str) -> None:
    """Every mistake is told with what to write instead."""
    with pytest.raises(ValueError, match=re.escape(hint)):
        parse_members(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ValueError comes out, and what is read has three or five servers, or none."""
    try:
        members = parse_members(text)
    except ValueError as error:
        assert len(str(error)) < 500
    else:
        assert len(members) in {0, 3, 5}


def test_a_cluster_is_read() -> None:
    """Names and addresses come out as they were written, IPv6 too."""
    members = parse_members(f" {THREE} ")
    assert list(members) == list(NAMES)
    assert str(members["broker-2"]) == "b.example:6222"
    assert str(parse_members("a=[::1]:1,b=[::1]:2,c=[::1]:3")["b"]) == "[::1]:2"


@pytest.mark.parametrize(
    ("replicas", "servers", "hint"),
    [(3, 1, "has 1 server"), (3, 0, "has 1 server"), (5, 3, "has 3 server"), (2, 3, "even number")],
)
def test_more_copies_than_servers_and_even_numbers_are_refused(
    replicas: int, servers: int, hint: str
) -> None:
    """A number of copies that protects nothing never comes into force."""
    with pytest.raises(ValueError, match=hint):
        check_replicas(replicas, servers=servers)


def test_copies_that_fit_are_taken() -> None:
    """One on one, one or three on three, five on five."""
    for replicas, servers in ((1, 0), (1, 3), (3, 3), (3, 5), (5, 5)):
        check_replicas(replicas, servers=servers)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"mailbox_replicas": 3}, "TRM_HUB_BROKER_CLUSTER"),
        ({"mailbox_replicas": 2, "broker_cluster": THREE}, "even number"),
        ({"broker_cluster": "broker-1=a:1,broker-2=b:1"}, "3 or 5 servers, not 2"),
    ],
)
def test_the_settings_refuse_half_a_cluster(settings: Mapping[str, Any], hint: str) -> None:
    """The hub does not even start."""
    with pytest.raises(ValidationError) as refused:
        HubSettings(data_dir=Path("/x"), **settings)
    assert hint in describe_problems(refused.value)


def test_each_server_is_described_or_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """broker-config asks for what it lacks, and prints what nats-server takes."""
    data = tmp_path / "hub"
    data.mkdir(mode=0o700)
    create_operator_material(data / "operator", name="test", issued_at=read_clock())
    with cluster_place(tmp_path / "place") as place:
        config = place.config("broker-1")
    member = config.cluster
    assert member is not None
    monkeypatch.setenv("TRM_HUB_DATA_DIR", str(data))
    monkeypatch.setenv("TRM_HUB_BROKER_CERTIFICATE", str(config.certificate))
    monkeypatch.setenv("TRM_HUB_BROKER_PRIVATE_KEY", str(config.private_key))

    assert "TRM_HUB_BROKER_CLUSTER" in print_config("--server", "broker-1", status=2)
    monkeypatch.setenv("TRM_HUB_BROKER_CLUSTER", THREE)
    assert "one of broker-1, broker-2, broker-3" in print_config(status=2)
    assert "TRM_HUB_BROKER_ROUTE_CERTIFICATE" in print_config("--server", "broker-1", status=2)
    monkeypatch.setenv("TRM_HUB_BROKER_ROUTE_CERTIFICATE", str(member.certificate))
    monkeypatch.setenv("TRM_HUB_BROKER_ROUTE_PRIVATE_KEY", str(member.private_key))
    monkeypatch.setenv("TRM_HUB_BROKER_ROUTE_CA", str(member.authority))
    assert "no server of this cluster" in print_config("--server", "broker-9", status=2)
    monkeypatch.setenv("TRM_HUB_BROKER_STATE_DIR", str(tmp_path / "state"))

    texts = [print_config("--server", name) for name in NAMES]
    closed = print_config("--server", "broker-2", "--closed")

    for name, text in zip(NAMES, texts, strict=True):
        assert f'server_name: "{name}"' in text
        assert text.count("nats-route://") == 2
    assert "resolver: MEMORY" in closed
    assert not any("resolver: MEMORY" in text for text in texts)
    for number, text in enumerate([*texts, closed]):
        file = tmp_path / f"{number}.conf"
        file.write_text(text)
        subprocess.run([find_server_binary(), "-t", "-c", file], check=True, capture_output=True)


def print_config(*arguments: str, status: int = 0) -> str:
    """Run the command; returns what it prints, or its error."""
    return run_command("broker-config", *arguments, status=status)


def run_command(*arguments: str, status: int) -> str:
    """Run a command of trm-hub."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == status, done.output
    return done.output


def test_a_server_that_the_settings_name_is_not_taken_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes its place is named there first; addresses in plaintext are refused, too."""
    data = tmp_path / "hub"
    data.mkdir(mode=0o700)
    create_operator_material(data / "operator", name="test", issued_at=read_clock())
    monkeypatch.setenv("TRM_HUB_DATA_DIR", str(data))
    monkeypatch.setenv("TRM_HUB_BROKER_CLUSTER", THREE)
    assert "put the server that takes its place" in run_command(
        "remove-server", "broker-2", status=2
    )
    plain = ("--servers", "nats://a.example:4222")
    for command in (("remove-server", "broker-9"), ("save-mailboxes", str(tmp_path / "saved"))):
        assert "plaintext is refused" in run_command(*command, *plain, status=2)


def test_alone_and_in_a_cluster_messages_lie_apart(tmp_path: Path) -> None:
    """A server that begins to run in a cluster cannot find, and so not delete, its old streams."""
    with cluster_place(tmp_path) as place:
        alone, joined = (
            render_server_config(config, place.material, issued_at=read_clock())
            for config in (
                place.config("broker-1", clustered=False),
                place.config("broker-1"),
            )
        )
    stores = [re.findall(r'store_dir: "(.*)"', text) for text in (alone, joined)]
    assert stores[0] != stores[1]
    assert "cluster {" not in alone
    assert "verify: true" in joined


def test_what_the_broker_says_of_copies_is_read() -> None:
    """Alone all is whole; without leader nothing is taken; a copy that is made is missed."""
    peer = {"name": "broker-2", "current": True}
    behind = {"name": "broker-3", "current": False}
    config = {"num_replicas": 3}
    whole = {"config": config, "cluster": {"leader": "broker-1", "replicas": [peer, peer]}}
    assert read_copies("S", {}).is_whole
    assert read_copies("S", whole).is_whole
    growing = read_copies("S", {**whole, "cluster": {"leader": "broker-1", "replicas": [peer]}})
    assert (growing.is_whole, growing.takes_messages) == (False, True)
    lagging = read_copies("S", {**whole, "cluster": {"leader": "a", "replicas": [peer, behind]}})
    assert lagging.lagging == ("broker-3",)
    assert not read_copies("S", {**whole, "cluster": {"replicas": [peer, behind]}}).takes_messages


def read_example_settings() -> dict[str, str]:
    """Read the example of the environment."""
    lines = (EXAMPLES / "cluster.env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def test_the_example_settings_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub takes them, and they describe each of the three servers."""
    for name, value in read_example_settings().items():
        monkeypatch.setenv(name, value)
    settings = HubSettings(data_dir=tmp_path)
    assert settings.mailbox_replicas == settings.broker_size == len(settings.broker_servers) == 3
    for name in NAMES:
        assert settings.describe_broker(server=name).name == name


#: A line of the little YAML that the example keeps to: a key, a value of a list, or both.
YAML_LINE = re.compile(
    r'(?P<indent>(?:  )*)(?P<item>- )?(?:(?P<key>[a-z_]+):(?: (?P<value>\S.*))?|"(?P<text>[^"]+)")'
)


def read_example_lines() -> list[tuple[str, str]]:
    """Read the compose example as key and value, without structure; fails where it is no YAML."""
    found: list[tuple[str, str]] = []
    depth, may_go_deeper = 0, True
    for line in (EXAMPLES / "compose.yaml").read_text().splitlines():
        text = re.sub(r"(^| )#.*$", "", line).rstrip()
        if not text:
            continue
        match = YAML_LINE.fullmatch(text)
        assert match, line
        indent = len(match["indent"]) // 2
        assert indent <= depth + may_go_deeper, line
        depth = indent + bool(match["item"])
        may_go_deeper = match["key"] is not None and match["value"] is None
        found.append((match["key"] or "", match["value"] or match["text"] or ""))
    return found


def test_the_compose_example_names_what_the_configuration_names() -> None:
    """The file parses; ports, folders, certificates and the server are those of the product."""
    lines = read_example_lines()
    settings, fields = read_example_settings(), dict(lines)
    targets = [value.split(":")[1] for key, value in lines if not key and value.startswith("./")]
    assert [value for key, value in lines if not key and value[0] == "4"] == ["4222:4222"]
    assert settings["TRM_HUB_BROKER_STATE_DIR"] in targets
    assert str(Path(settings["TRM_HUB_BROKER_CERTIFICATE"]).parent) in targets
    assert fields["stop_signal"] == "SIGUSR2"
    version = subprocess.run([find_server_binary(), "--version"], check=True, capture_output=True)
    assert fields["image"] == f"nats:{version.stdout.decode().split('v')[-1].strip()}"


def test_the_systemd_example_parses_and_fits() -> None:
    """The unit has the sections that systemd wants, and the folder that the settings name."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names keep their case
    unit.read(EXAMPLES / "systemd" / "trm-broker.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    state = read_example_settings()["TRM_HUB_BROKER_STATE_DIR"]
    assert f"/var/lib/{service['StateDirectory']}" == state
    assert service["KillSignal"] == "SIGUSR2"
    assert "ExecStop" not in service  # systemd would kill what runs as soon as that has ended


def test_a_server_name_stands_alone_too() -> None:
    """Without a cluster the server keeps the name that it always had."""
    config = BrokerConfig(Path("/s"), certificate=Path("/c"), private_key=Path("/k"))
    assert config.name == "broker-1"
    assert replace(config, server_name="x").name == "x"
