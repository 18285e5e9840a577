"""`sluicegate demo`."""

import dataclasses
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from sluicegate import server
from sluicegate.accounting.keys import mint
from sluicegate.cli.common import load_or_exit
from sluicegate.listener import ListenError

_CONFIG: Final = """\
data_dir: {data_dir}
providers:
  sim: {{dialect: openai, base_url: {url}/v1, api_key: none}}
  sim-anthropic: {{dialect: anthropic, base_url: {url}/v1, api_key: none}}
  sim-bedrock: {{dialect: bedrock, base_url: {url}, api_key: none}}
  sim-cohere: {{dialect: cohere, base_url: {url}/v2, api_key: none}}
  sim-gemini: {{dialect: gemini, base_url: {url}/v1beta, api_key: none}}
  sim-ollama: {{dialect: ollama, base_url: {url}/api, api_key: none}}
models:
  demo: {{targets: [sim/sim-small, sim-anthropic/sim-small]}}
  demo-claude: {{targets: [sim-anthropic/sim-small]}}
prices:
  sim/*: &price {{input: 1.0, output: 2.0}}
  sim-anthropic/*: *price
  sim-bedrock/*: *price
  sim-cohere/*: *price
  sim-gemini/*: *price
  sim-ollama/*: *price
keys:
  - {{name: demo, key: {key}}}
"""

# The curl line is one line: it is there to be pasted.
_HELLO: Final = """
sluicegate is ready, in front of a simulated provider: no account, no cost, no network.

  URL     {url}/v1
  key     {key}
  models  demo, demo-claude; also sim/NAME, sim-anthropic/NAME, sim-bedrock/NAME, sim-cohere/NAME,
          sim-gemini/NAME, sim-ollama/NAME, with any name: one for each dialect of providers

Ask it something:

curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \
-H 'Content-Type: application/json' \
-d '{{"model":"demo","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'

Embeddings, rankings, pictures, speech, transcripts and moderations answer too, from the SDKs of
OpenAI, Anthropic and Google at this URL. It also fails when asked to: models sim/sim-error-429
(any status), sim/sim-hang, sim/sim-midstream-reset, sim/sim-midstream-error. sim/sim-fast and
sim/sim-slow differ in pace.

See what it cost:

{ledger}

Ctrl-C ends it.
"""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4000,
    show_default=True,
    help="Port to listen on; 0 lets the system choose.",
)
def demo(host: str, port: int) -> None:
    """Serve in front of a simulated provider, which is a process of its own.

    Prints a URL, a key and a curl line that work. Nothing stays behind when it ends.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sluicegate-demo-") as folder,
        simulator() as simulated,
    ):
        key = mint()
        config = Path(folder) / "sluicegate.yaml"
        config.touch(mode=0o600)
        config.write_text(_CONFIG.format(data_dir=Path(folder) / "data", url=simulated, key=key))
        settings = load_or_exit(config)
        listening = msgspec.structs.replace(settings.server, host=host, port=port)
        export = [sys.executable, "-m", "sluicegate", "ledger", "export", "--config", str(config)]

        def hello(url: str) -> None:
            click.echo(_HELLO.format(url=url, key=key, ledger=shlex.join(export)))

        try:
            server.serve(dataclasses.replace(settings, server=listening), on_ready=hello)
        except ListenError as error:
            raise click.ClickException(f"{error}; try --port 0") from None


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """The URL of a simulated provider. It ends with this process, however that ends.

    Args: options: of its command line.
    """
    command = [sys.executable, "-m", "sluicegate.simulator", "--port", "0", "--die-with-parent"]
    command += options
    # A session of its own: Ctrl-C in a terminal is for us, streams that drain still need it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise click.ClickException("the simulated provider did not start")
            yield str(json.loads(line)["url"])
        finally:
            process.terminate()
