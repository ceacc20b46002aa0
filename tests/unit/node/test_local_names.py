"""Names of this node: of one moment they lie together, and nobody guesses them."""

from datetime import UTC, datetime, timedelta

from node.service.context import NodeContext
from node.service.local_names import make_local_name
from tests.support.node import Network


def test_names_lie_in_the_order_of_their_moments(network: Network) -> None:
    """Later ones come after earlier ones; of one moment no two are the same."""
    al = network.node("AL")
    together = [make_local_name(al) for _ in range(100)]
    network.clock.advance(seconds=0.002)
    later = [make_local_name(al) for _ in range(100)]
    assert max(together) < min(later)
    assert len({*together, *later}) == 200
    assert {name[:12] for name in together} == {together[0][:12]}
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in (*together, *later))


def test_a_clock_before_all_moments_gives_names_too(network: Network) -> None:
    """A machine whose clock stands before 1970 opens cases all the same."""
    al: NodeContext = network.node("AL")
    network.clock.now = datetime(1969, 12, 31, tzinfo=UTC) - timedelta(days=1)
    assert make_local_name(al).startswith("0" * 12)
