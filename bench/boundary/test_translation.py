"""What translating a request costs, for each pair of dialects: 32 KB, with tools and their results.

Read in the client's dialect and written in the upstream's, as for each request whose client and
upstream differ; where they are the same its bytes pass. Against reading and writing the same bytes
as JSON that nobody understands, which is the least that any translation does.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from bench.boundary.ratio import ratio
from bench.load.cells import agent
from sluicegate.dialects import DIALECTS, UPSTREAM_DIALECTS
from sluicegate.dialects.base import Host, UpstreamDialect

#: In units of the baseline: one and a half times the dearest pair, when it was set.
BOUND: Final = 22.0
PAIRS: Final = [
    (client, upstream)
    for client in DIALECTS
    for upstream in UPSTREAM_DIALECTS
    if client != upstream
]


def encoded(upstream: UpstreamDialect, client: str, body: bytes) -> bytes:
    """`body`, which is in `client`'s dialect, for an upstream."""
    conversation = DIALECTS[client].decode_request(body)
    written, _ = upstream.encode_request(
        conversation,
        model="m",
        stream=False,
        drop_unsupported=True,
        default_max_tokens=4096,
        host=Host(),
    )
    return written


def asked(client: str) -> bytes:
    """The agent's request in the client's dialect."""
    body = orjson.dumps(agent())
    return body if client == "openai" else encoded(DIALECTS[client], "openai", body)


@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=[" to ".join(it) for it in PAIRS])
def test_translating_a_request(
    benchmark: Any, gate: Callable[..., None], client: str, upstream: str
) -> None:
    body, dialect = asked(client), UPSTREAM_DIALECTS[upstream]
    benchmark(lambda: encoded(dialect, client, body))
    benchmark.extra_info.update(body_bytes=len(body))
    costs = ratio(
        lambda: encoded(dialect, client, body), lambda: orjson.dumps(orjson.loads(body)), turns=60
    )
    gate(costs, BOUND)
