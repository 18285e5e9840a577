"""`sluicegate demo`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

from sluicegate import server
from sluicegate.cli.common import load_or_exit
from sluicegate.cli.keys import new_key

_CONFIG: Final = """\
server: {{host: 127.0.0.1, port: {port}}}
data_dir: {data_dir}
providers:
  sim: {{dialect: openai, base_url: {url}/v1, api_key: none}}
  sim-anthropic: {{dialect: anthropic, base_url: {url}/v1, api_key: none}}
models:
  demo: {{targets: [sim/sim-small, sim-anthropic/sim-small]}}
  demo-claude: {{targets: [sim-anthropic/sim-small]}}
keys:
  - {{name: demo, key: {key}}}
"""

_HELLO: Final = """
sluicegate is ready, in front of a simulated provider: no key, no cost, no network.

  URL  http://127.0.0.1:{port}/v1
  key  {key}

  curl -N http://127.0.0.1:{port}/v1/chat/completions -H "Authorization: Bearer {key}" -H
  "Content-Type: application/json" -d
  '{{"model":"demo","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'

  ledger  sluicegate ledger export --config {config}
"""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=4000, show_default=True)
def demo(port: int) -> None:
    """Serve in front of a simulated provider, a process of its own. Ends with Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="sluicegate-demo-") as directory:
        simulator, url = start_simulator()
        try:
            key = new_key()
            config = Path(directory) / "sluicegate.yaml"
            config.touch(mode=0o600)
            config.write_text(_CONFIG.format(port=port, data_dir=directory, url=url, key=key))
            settings = load_or_exit(config)
            hello = _HELLO.format(port=port, key=key, config=config)
            server.serve(settings, on_ready=lambda: click.echo(hello))
        finally:
            simulator.terminate()
            simulator.wait()


def start_simulator() -> tuple[subprocess.Popen[str], str]:
    """The simulated provider, listening, and its URL. It ends with this process."""
    command = [sys.executable, "-m", "sluicegate.simulator", "--port", "0", "--die-with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise click.ClickException("the simulated provider did not start")
    return process, str(json.loads(line)["url"])
