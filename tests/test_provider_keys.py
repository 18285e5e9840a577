"""A provider with several keys: which is drawn, and which takes the place of one that fails."""

import http.server
import json
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from sluicegate.config import ConfigError, load
from tests.gateway import KEY, Gateway

OK = 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"},
                        "finish_reason": "stop"}],
           "usage": {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50}}  # fmt: skip
QUOTA = 429, {"error": {"message": "no money", "code": "insufficient_quota"}}
RATE = 429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
REFUSED = 401, {"error": {"message": "Incorrect API key provided"}}
BROKEN = 500, {"error": {"message": "oops"}}


class KeyedHost:
    """A host that answers each key in its own way, and counts them."""

    def __init__(self, **answers: tuple[int, dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: Counter[str] = Counter()
        host = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                name = self.headers["authorization"].removeprefix("Bearer sk-key-")[0]
                host.asked[name] += 1
                status, body = host.answers[name]
                data = json.dumps(body).encode()
                self.send_response(status)
                if body is RATE[1]:
                    self.send_header("retry-after", "20")
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


def secret(name: str) -> str:
    """A key of the host."""
    return f"sk-key-{name}-0123456789abcdef"


def gateway_of(folder: Path, host: KeyedHost, **keys: dict[str, Any]) -> Gateway:
    """A gateway whose provider `h` has these keys, and `spare` one that works."""
    several = [{"key": secret(name), "name": name, **fields} for name, fields in keys.items()]
    providers = {
        "h": {"dialect": "openai", "base_url": host.url, "api_keys": several},
        "spare": {"dialect": "openai", "base_url": host.url, "api_key": secret("s")},
    }
    models = {"both": {"targets": ["h/m", "spare/m"]}}
    return Gateway("http://127.0.0.1:1", folder, providers=providers, models=models)


def ask(gateway: Gateway, model: str = "h/m") -> httpx.Response:
    """One request."""
    body = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=20)


def test_keys_are_drawn_by_weight_and_named_in_the_answer(tmp_path: Path) -> None:
    with (
        KeyedHost(a=OK, b=OK) as host,
        gateway_of(tmp_path, host, a={"weight": 9}, b={"weight": 1}) as gateway,
    ):
        named = Counter(ask(gateway).headers["x-sluicegate-provider-key"] for _ in range(100))
        assert named == host.asked
        assert 70 <= named["a"] <= 99  # 90 expected, 3 its deviation
        assert "sk-key" not in gateway.log_path.read_text()
        rows = gateway.ledger()
        assert {row["provider"] for row in rows} == {"h"}


@pytest.mark.parametrize("failure", [REFUSED, QUOTA, RATE], ids=["401", "quota", "rate"])
@pytest.mark.parametrize("model", ["h/m", "both"])
def test_a_key_that_fails_gives_way_and_is_left_alone(
    tmp_path: Path, failure: tuple[int, dict[str, Any]], model: str
) -> None:
    with (
        KeyedHost(a=failure, b=OK, s=OK) as host,
        gateway_of(tmp_path, host, a={"weight": 1000}, b={"weight": 1}) as gateway,
    ):
        answers = [ask(gateway, model) for _ in range(10)]
        assert [answer.status_code for answer in answers] == [200] * 10
        assert {answer.headers["x-sluicegate-provider-key"] for answer in answers} == {"b"}
        assert host.asked == {"a": 1, "b": 10}, "it cools down after the first"
        assert ("h/m with key a: " in gateway.log_path.read_text()) == (failure is not RATE)


def test_a_failure_that_is_no_keys_fault_does_not_try_the_others(tmp_path: Path) -> None:
    with (
        KeyedHost(a=BROKEN, b=BROKEN, s=OK) as host,
        gateway_of(tmp_path, host, a={}, b={}) as gateway,
    ):
        answer = ask(gateway, "both")
        assert (answer.status_code, answer.headers["x-sluicegate-provider"]) == (200, "spare")
        assert "x-sluicegate-provider-key" not in answer.headers
        assert sorted(host.asked.values()) == [1, 2], "one key, tried once more, then the spare"
        assert ask(gateway).status_code == 502


def test_where_all_keys_are_refused_the_next_target_answers(tmp_path: Path) -> None:
    with (
        KeyedHost(a=REFUSED, b=REFUSED, s=OK) as host,
        gateway_of(tmp_path, host, a={}, b={}) as gateway,
    ):
        assert [ask(gateway, "both").headers["x-sluicegate-provider"] for _ in range(3)] == [
            "spare"
        ] * 3
        assert host.asked == {"a": 1, "b": 1, "s": 3}, "neither is asked while it cools down"
        assert ask(gateway).status_code == 502
        assert host.asked["a"] + host.asked["b"] == 4, "the last resort, rather than never"


def test_a_key_that_is_over_its_requests_is_passed_over(tmp_path: Path) -> None:
    with (
        KeyedHost(a=OK, b=OK) as host,
        gateway_of(tmp_path, host, a={"weight": 1000, "rpm": 3}, b={"weight": 1}) as gateway,
    ):
        for _ in range(10):
            assert ask(gateway).status_code == 200
        # one more may be earned where ten requests take 20 s
        assert 3 <= host.asked["a"] <= 4


def test_a_key_that_is_over_its_tokens_is_passed_over(tmp_path: Path) -> None:
    with (
        KeyedHost(a=OK, b=OK) as host,
        gateway_of(tmp_path, host, a={"weight": 1000, "tpm": 60}, b={"weight": 1}) as gateway,
    ):
        for _ in range(10):
            assert ask(gateway).status_code == 200
        # an answer uses 50, so two fit; a third may be earned in 40 s
        assert 2 <= host.asked["a"] <= 3


MANY = "openai: {api_keys: "
BEDROCK = "bedrock: {api_keys: "


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (MANY + "[]}", "api_keys: has no key"),
        (MANY + "[sk-a, sk-a]}", "api_keys[1]: is another key's too"),
        (MANY + "[{key: sk-a, name: x}, {key: sk-b, name: x}]}", 'name: "x" stands twice'),
        (MANY + "[sk-a], api_key: sk-b}", "api_keys: stands beside api_key"),
        (MANY + "[none]}", "api_keys[0]: is not a key"),
        (MANY + "[sk-a], google_credentials: f}", "api_keys: stands beside google_credentials"),
        (BEDROCK + "[sk-a], aws: {access_key_id: A}}", "api_keys: stands beside aws.access_key_id"),
        (BEDROCK + "[sk-a], aws: {region: eu}}", "aws.region: is no region of AWS"),
        (MANY + "[{key: sk-a, weight: 0}]}", "weight: must be at least 1"),
        (MANY + "[{key: sk-a, rpm: 0}]}", "rpm: must be at least 1"),
        (MANY + "[{weight: 1}]}", "api_keys[0].key: is missing"),
    ],
)
def test_what_is_wrong_with_keys_is_told(tmp_path: Path, provider: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{provider}}}")
    with pytest.raises(ConfigError) as wrong:
        load(path)
    assert message in str(wrong.value)
    assert "sk-" not in str(wrong.value)


def test_one_key_in_a_list_is_as_good_as_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("providers: {openai: {api_keys: [sk-a]}}")
    upstream = load(path).upstreams["openai"]
    assert upstream.headers == (("authorization", "Bearer sk-a"),)
    assert [key.name for key in upstream.keys] == ["1"]
    path.write_text("providers: {openai: {api_keys: [sk-a, {key: sk-b, name: second, rpm: 5}]}}")
    first, second = load(path).upstreams["openai"].keys
    assert (first.name, first.weight, first.rpm) == ("1", 1, None)
    assert (second.name, second.weight, second.rpm) == ("second", 1, 5)
    assert "sk-" not in repr((first, second))


AZURE = "mine: {dialect: openai, base_url: 'https://me.openai.azure.com'"
VERTEX = (
    "mine: {dialect: gemini, base_url: 'https://eu-aiplatform.googleapis.com/v1/publishers/google'"
)


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("bedrock: {aws: {region: eu-west-1}", ("authorization", "Bearer sk-{}")),
        (AZURE, ("api-key", "sk-{}")),
        (VERTEX, ("authorization", "Bearer sk-{}")),
    ],
    ids=["bedrock", "azure", "vertex"],
)
def test_listed_keys_stand_where_one_would_and_nothing_else_proves_more(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    header: tuple[str, str],
) -> None:
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-environment")
    path = tmp_path / "c.yaml"
    path.write_text(f"providers: {{{provider}, api_keys: [sk-a, sk-b]}}}}")
    (upstream,) = load(path).upstreams.values()
    name, value = header
    assert [key.headers for key in upstream.keys] == [
        ((name, value.format(letter)),) for letter in "ab"
    ]
    assert (upstream.signer, upstream.source) == (None, None)
