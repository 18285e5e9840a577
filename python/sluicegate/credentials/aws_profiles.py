"""AWS's shared configuration files.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sluicegate.config.aws import FILES
from sluicegate.credentials.lease import CredentialError

DEFAULT: Final = "default"
_SECTION: Final = "profile "
_SESSION: Final = "sso-session "


def profile_named(name: str, variables: Mapping[str, str]) -> dict[str, str] | None:
    """A profile's fields, those of the credentials file over those of the other; None where neither
    has it.

    Raises:
        CredentialError: a file cannot be read.
    """
    found: dict[str, str] = {}
    is_there = False
    for variable, usual in reversed(FILES.items()):
        path = Path(variables.get(variable) or usual).expanduser()
        section = name
        if variable == "AWS_CONFIG_FILE" and name != DEFAULT:
            section = f"{_SECTION}{name}"
        fields = _section(path, section)
        is_there = is_there or fields is not None
        found |= fields or {}
    return found if is_there else None


def session_named(name: str, variables: Mapping[str, str]) -> dict[str, str] | None:
    """The fields of a session of IAM Identity Center, which several profiles may share; None where
    there is none.

    Raises:
        CredentialError: the file cannot be read.
    """
    path = Path(variables.get("AWS_CONFIG_FILE") or FILES["AWS_CONFIG_FILE"]).expanduser()
    return _section(path, f"{_SESSION}{name}")


def _section(path: Path, section: str) -> dict[str, str] | None:
    # No section's fields are everybody's.
    parser = configparser.RawConfigParser(strict=False, default_section="\0")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise CredentialError(f"{path} cannot be read: {type(error).__name__}") from None
    return dict(parser.items(section)) if parser.has_section(section) else None
