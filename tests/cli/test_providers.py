"""`sluicegate providers` and `sluicegate models`: what is known, and one call that says what is
wrong.
"""

import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from sluicegate.cli import main
from sluicegate.providers import CATALOGUE

from ..gateway import command
from ..upstream import ScriptedUpstream
from ..upstream.server import closed_port

SECRET = "sk-proj-0123456789abcdefghij"


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(main, list(arguments))
    assert SECRET not in result.output
    return result.exit_code, result.stdout, result.stderr


def listed(*arguments: str) -> Any:
    """What a command prints as JSON."""
    code, out, err = run(*arguments, "--format", "json")
    assert (code, err) == (0, "")
    assert run(*arguments, "--json") == (code, out, err)
    return json.loads(out)


def configured(folder: Path, base_url: str, **fields: Any) -> str:
    """A file with one provider `p`, and the name of the file."""
    provider = {"dialect": "openai", "base_url": base_url, "api_key": SECRET, **fields}
    path = folder / "c.yaml"
    path.write_text(json.dumps({"providers": {"p": provider}}))
    path.chmod(0o600)
    return str(path)


@contextmanager
def answering(status: int, body: bytes | str | dict[str, Any], **headers: str) -> Iterator[str]:
    """A host that gives one answer to everything, and its URL."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    data = data.encode() if isinstance(data, str) else data

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"] or 0))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_list_is_the_catalogue() -> None:
    found = listed("providers", "list")
    assert [row["name"] for row in found] == sorted(CATALOGUE)
    assert {row["dialect"] for row in listed("providers", "list", "--dialect", "gemini")} == {
        "gemini"
    }
    code, out, _ = run("providers", "list")
    assert code == 0
    assert out.splitlines()[0].split() == ["name", "dialect", "base_url", "api_key_env", "aliases"]
    assert len(out.splitlines()) == len(CATALOGUE) + 1


def test_a_search_wants_all_words_and_says_if_nothing_is_found() -> None:
    assert [row["name"] for row in listed("providers", "search", "API.X.AI")] == ["x_ai"]
    found = {row["name"] for row in listed("providers", "search", "moonshot", "anthropic")}
    assert found == {"moonshot_ai_anthropic"}
    assert run("providers", "search", "no-such-host")[0] == 1


@pytest.mark.parametrize("name", ["mistral", "mistral_ai"])
def test_one_host_is_shown_by_name_or_alias(name: str) -> None:
    shown = listed("providers", "show", name)
    assert (shown["name"], shown["api_key_env"]) == ("mistral_ai", "MISTRAL_API_KEY")
    assert "max_completion_tokens" in shown["lacks"]
    assert "random_seed" in run("providers", "show", name)[1]


def test_the_real_command_lists_them() -> None:
    done = subprocess.run(
        [*command(), "providers", "show", "azure"], capture_output=True, check=True
    )
    assert b"resource: the resource's name" in done.stdout


def test_a_name_that_nobody_has_is_told_with_the_nearest() -> None:
    code, _, err = run("providers", "show", "mistrel")
    assert code == 1
    assert 'did you mean "mistral"' in err


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        *product(["openai", "anthropic", "openai_responses"], ["", "/v1"]),
        *product(["gemini"], ["", "/v1beta"]),
        *product(["cohere"], ["", "/v1", "/v2"]),
        *product(["ollama"], ["", "/v1", "/api"]),
    ],
)
def test_a_provider_that_works_is_ok(tmp_path: Path, dialect: str, path: str) -> None:
    with ScriptedUpstream() as upstream:
        config = configured(tmp_path, upstream.url + path, dialect=dialect)
        code, out, err = run("providers", "test", "p", "--config", config, "--model", "ok-3")
    assert (code, err) == (0, "")
    assert out.startswith("p: ok: ok-3 answers in ")


def test_without_a_model_the_list_is_asked_or_what_the_file_names(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        config = configured(tmp_path, upstream.url)
        code, out, _ = run("providers", "test", "p", "--config", config)
        assert (code, "lists 0 models" in out) == (0, True)
        text = json.loads(Path(config).read_text())
        text["models"] = {"m": {"targets": ["p/ok-2"]}}
        Path(config).write_text(json.dumps(text))
        code, out, _ = run("providers", "test", "p", "--config", config)
        assert (code, "ok-2 answers" in out) == (0, True)


def error(message: str, **fields: Any) -> dict[str, Any]:
    """An error as OpenAI writes it."""
    return {"error": {"message": message, **fields}}


ANSWERS: list[tuple[str, int, Any, str, str]] = [
    ("401", 401, error(f"Incorrect API key provided: {SECRET}"), "credential", "p.api_key"),
    ("403", 403, error("forbidden"), "credential", "status 403"),
    ("400-key", 400, error("Incorrect API key provided"), "credential", "p.api_key"),
    ("404-html", 404, "<html>nginx</html>", "not_found", "/v1/chat/completions is not there"),
    ("405", 405, "no", "not_found", "takes no POST"),
    (
        "404-model",
        404,
        error("The model `m` does not exist", code="model_not_found"),
        "unknown_model",
        "has no model m",
    ),
    ("400-model", 400, error("m is not a valid model: invalid"), "unknown_model", "no model m"),
    ("429-quota", 429, error("You ran out", code="insufficient_quota"), "quota", "used up"),
    ("402", 402, error("Payment required"), "quota", "used up"),
    ("429", 429, error("slow down", type="rate_limit"), "rate_limit", "try again later"),
    ("500", 500, error("oops"), "server_error", "fails (status 500)"),
    ("400", 400, error("messages: wrong"), "bad_request", "refuses the request"),
    (
        "200-anthropic",
        200,
        {"type": "message", "content": []},
        "wrong_dialect",
        "set `dialect: anthropic`",
    ),
    ("200-gemini", 200, {"candidates": []}, "wrong_dialect", "set `dialect: gemini`"),
    ("200-html", 200, "<html>hello</html>", "wrong_dialect", "not as openai does"),
    ("200-error", 200, error("broken"), "error_in_answer", "answers 200 with an error"),
]


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [case[1:] for case in ANSWERS],
    ids=[case[0] for case in ANSWERS],
)
def test_what_is_wrong_is_said_in_words(
    tmp_path: Path, status: int, body: Any, kind: str, message: str
) -> None:
    with answering(status, body) as url:
        config = configured(tmp_path, url)
        arguments = ("providers", "test", "p", "--config", config, "--model", "m")
        code, out, err = run(*arguments)
        assert (code, err) == (3, "")
        assert message in out
        assert f"tried  POST {url}/v1/chat/completions" in out
        code, out, _ = run(*arguments, "--format", "json")
    told = json.loads(out)
    assert (code, told["ok"], told["kind"]) == (3, False, kind)


def test_the_usual_variable_of_a_key_is_named(tmp_path: Path) -> None:
    with answering(401, error("no")) as url:
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps({"providers": {"groq": {"base_url": url, "api_key": SECRET}}}))
        path.chmod(0o600)
        code, out, _ = run("providers", "test", "groq", "--config", str(path), "--model", "m")
        assert code == 3
        assert "providers.groq.api_key (usually in GROQ_API_KEY)" in out
        path.write_text(json.dumps({"providers": {"groq": {"base_url": url, "api_key": "none"}}}))
        out = run("providers", "test", "groq", "--config", str(path), "--model", "m")[1]
        assert "it wants a key" in out


def test_a_redirect_is_told_and_not_followed(tmp_path: Path) -> None:
    with answering(301, "", location="https://elsewhere.example/v1") as url:
        config = configured(tmp_path, url)
        code, out, _ = run("providers", "test", "p", "--config", config, "--model", "m")
    assert code == 3
    assert "redirects to https://elsewhere.example/v1, which is never followed" in out


def test_a_host_whose_paths_have_no_version_is_asked_without(tmp_path: Path) -> None:
    with answering(404, "no") as url:
        path = tmp_path / "c.yaml"
        provider = {"base_url": url, "api_key": SECRET}
        path.write_text(json.dumps({"providers": {"perplexity": provider}}))
        path.chmod(0o600)
        out = run("providers", "test", "perplexity", "--config", str(path), "--model", "m")[1]
    assert f"tried  POST {url}/chat/completions" in out


def kind_of(folder: Path, base_url: str) -> tuple[str, str]:
    """What a test of a URL finds."""
    config = configured(folder, base_url)
    arguments = ("--config", config, "--model", "m", "--timeout", "2", "--format", "json")
    code, out, _ = run("providers", "test", "p", *arguments)
    told = json.loads(out)
    assert code == 3
    return told["kind"], told["message"]


def test_a_way_that_is_broken_is_said_in_words(tmp_path: Path) -> None:
    port = closed_port()
    assert kind_of(tmp_path, f"http://127.0.0.1:{port}") == (
        "refused",
        f"nothing listens at 127.0.0.1:{port}: mend base_url or start it",
    )
    kind, message = kind_of(tmp_path, "http://no-such-host.invalid/v1")
    assert kind == "dns"
    assert "no-such-host.invalid is not known here" in message
    with answering(200, "{}") as url:
        kind, message = kind_of(tmp_path, url.replace("http:", "https:"))
    assert kind == "tls"
    assert "should base_url begin with http://?" in message


def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as plain:
                try:
                    context.wrap_socket(plain, server_side=True)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        kind, message = kind_of(tmp_path, f"https://localhost:{server.getsockname()[1]}")
        thread.join()
    assert kind == "tls"
    assert "the certificate of localhost is not trusted" in message


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        kind, message = kind_of(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")
    assert (kind, "did not answer in time" in message) == ("timeout", True)


def test_a_provider_that_is_not_configured_is_no_call(tmp_path: Path) -> None:
    config = configured(tmp_path, "http://127.0.0.1:1")
    code, _, err = run("providers", "test", "q", "--config", config)
    assert code == 1
    assert 'no provider "q" is configured' in err


def test_models_are_listed_searched_and_shown() -> None:
    of_anthropic = listed("models", "list", "anthropic")
    assert len(of_anthropic) > 10
    assert all(model["model"].startswith("anthropic/") for model in of_anthropic)
    found = [model["model"] for model in listed("models", "search", "openai/", "gpt-5", "mini")]
    assert "openai/gpt-5-mini" in found
    shown = listed("models", "show", "openai/gpt-5-mini-2025-08-07")
    assert (shown["known_as"], shown["context"]) == ("gpt-5-mini", 400_000)
    assert "tools" in shown["can"]
    code, out, _ = run("models", "show", "mistral/mistral-large-latest")
    assert (code, "context" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("models", "list", "nobody"), 1),
        (("models", "search", "no-such-model"), 1),
        (("models", "show", "openai/no-such-model"), 1),
        (("models", "show", "gpt-5"), 1),
        (("models", "list", "--format", "xml"), 2),
    ],
)
def test_what_is_not_known_is_an_exit_code(arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments)[0] == code
