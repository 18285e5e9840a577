"""Clients as people have them, through the gateway, to models of every upstream dialect.

Each plays the conversation of `conversation.json` with the simulated provider, and must see what
the model said: `expected.py`.  Those of the development environment run always, the others with
`make clients`, which makes an environment for each.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluicegate.cli.demo import simulator

from ..gateway import Gateway
from .places import FOLDER
from .running import Run, run
from .table import KNOWN, LENIENT, SCRIPTS, UPSTREAMS, Script

_SCRIPTS = [pytest.param(script, id=script.name) for script in SCRIPTS]
#: Names of models as each provider has them: dialects differ by model.
_MODELS = {
    "openai": "u/gpt-5-mini",
    "openai_responses": "r/gpt-5.2",
    "anthropic": "a/claude-opus-4-6",
    "gemini": "g/gemini-3-flash",
    "bedrock": "b/us.anthropic.claude-sonnet-4-6",
}

pytestmark = pytest.mark.timeout(120 if FOLDER is None else 1800)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings: dict[str, Any] = {
        # Otherwise Responses would go through to a host that speaks Chat Completions.
        "providers": {"u": {"responses": False}},
        "models": {
            alias: {"targets": [_MODELS[upstream]], "unsupported": unsupported}
            for names, unsupported in (
                (UPSTREAMS, "refuse"),
                (KNOWN, "refuse"),
                (LENIENT, "drop"),
            )
            for upstream, alias in names.items()
        },
        "timeouts": {"first_byte_s": 20, "idle_s": 20, "total_s": 60},
    }
    with (
        simulator("--first-token-ms", "0", "--token-ms", "0") as url,
        Gateway(url, tmp_path_factory.mktemp("clients"), **settings) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def run_of(gateway: Gateway) -> Callable[[Script], Run]:
    """What came of a script, which runs once for all its tests."""
    runs: dict[str, Run] = {}

    def of(script: Script) -> Run:
        if script.place is not None and FOLDER is None:
            pytest.skip("`make clients` runs it, in an environment of its own")
        if script.name not in runs:
            runs[script.name] = run(script, gateway.url, gateway.key)
        made = runs[script.name]
        if made.not_installed is not None:
            pytest.skip(f"NOT RUN, it does not install: {made.output}")
        return made

    return of


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("script", _SCRIPTS)
def test_a_client_sees_what_the_model_said(
    script: Script, upstream: str, run_of: Callable[[Script], Run]
) -> None:
    made = run_of(script)
    bad: list[str] = []
    for client, wanted in script.clients.items():
        cases = made.problems.get(client, {}).get(upstream, {})
        bad += [f"{client}: {case} was not told" for case in sorted(wanted - cases.keys())]
        bad += [f"{client}: {case}: {wrong}" for case, wrong in cases.items() if wrong]
    if bad:
        bad.append(made.output)
    assert not bad, "\n".join(bad)
