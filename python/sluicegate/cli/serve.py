"""`sluicegate serve`."""

import dataclasses
import stat
from pathlib import Path

import click
import msgspec

from sluicegate import server
from sluicegate.cli.common import CONFIG_FILE, load_or_exit
from sluicegate.config.settings import is_loopback


@click.command()
@click.option("--config", "config", type=CONFIG_FILE, required=True, help="The configuration file.")
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of server.port."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes, instead of server.workers."
)
def serve(config: Path, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve until SIGTERM. SIGHUP reads the configuration again; requests that run keep the old
    one.
    """
    settings = load_or_exit(config)
    overrides = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in overrides.items() if value is not None}
    listening = msgspec.structs.replace(settings.server, **given)
    if settings.open and not is_loopback(listening.host):
        raise click.UsageError(f"auth: none is allowed on loopback only, not on {listening.host}")
    settings = dataclasses.replace(settings, server=listening)
    warn_of_readable_secrets(config)
    click.echo(
        f"sluicegate serves on http://{settings.server.host}:{settings.server.port}", err=True
    )
    server.serve(settings)


def warn_of_readable_secrets(config: Path) -> None:
    """A file with secrets in it that others can read is somebody's mistake."""
    text = config.read_text(encoding="utf-8")
    inline = any(
        word in line and "${" not in line and "none" not in line
        for line in text.splitlines()
        for word in ("api_key:", "key:", "admin_key:")
    )
    if inline and config.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        click.echo(
            f"warning: {config} has secrets in it and others can read it: chmod 600 {config}",
            err=True,
        )
