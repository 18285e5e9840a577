"""`sluicegate serve`."""

import dataclasses
import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click
import msgspec

from sluicegate import server
from sluicegate.admin.listener import AdminProcess
from sluicegate.admin.mount import HOST_VARIABLE, SUPERVISOR_VARIABLE
from sluicegate.cli.common import CONFIG, load_or_exit, warn
from sluicegate.config import Settings
from sluicegate.config.settings import is_loopback
from sluicegate.environment import told
from sluicegate.listener import ListenError


@click.command()
@CONFIG
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of server.port."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes, instead of server.workers."
)
def serve(config: Path, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve until SIGTERM or Ctrl-C, which let running requests finish (server.drain_s).

    SIGHUP reads the configuration again; requests that run keep the old one, and a file with
    mistakes changes nothing.
    """
    settings = load_or_exit(config)
    overrides = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in overrides.items() if value is not None}
    listening = msgspec.structs.replace(settings.server, **given)
    if settings.open and not is_loopback(listening.host):
        raise click.UsageError(f"auth: none is allowed on loopback only, not on {listening.host}")
    warn(settings)
    told_workers = {HOST_VARIABLE: listening.host, SUPERVISOR_VARIABLE: str(os.getpid())}
    try:
        with (
            told(told_workers),
            AdminProcess(settings.path, settings.admin)
            if settings.admin
            else nullcontext() as admin,
        ):
            server.serve(
                dataclasses.replace(settings, server=listening),
                on_ready=partial(_tell, settings, listening.host, admin),
            )
    except (ListenError, server.DataDirError) as error:
        raise click.ClickException(str(error)) from None


def _tell(settings: Settings, host: str, admin: AdminProcess | None, url: str) -> None:
    click.echo(f"sluicegate serves on {url}", err=True)
    if admin is not None:
        admin.start()
        click.echo(f"the admin API is on {admin.url}/admin/v1", err=True)
    elif settings.admin_key is not None and not is_loopback(host):
        click.echo(
            f"the admin API is nowhere: {host} is not loopback, and there is no admin: section",
            err=True,
        )
