"""Access tokens of Google's.

Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

from datetime import UTC, datetime
from typing import Final

from sluicegate.config.sources import GoogleSource
from sluicegate.credentials.lease import CredentialError, Lease

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_UNKNOWN_S: Final = 600.0


def fetch(source: GoogleSource) -> Lease:
    """A new token: of a service account, of a user, or of the machine's metadata server.

    Raises:
        CredentialError: in the library's own words; files, networks and formats have their own.
    """
    import google.auth  # noqa: PLC0415  # an extra: only who is on Vertex AI needs it
    from google.auth.transport.requests import Request  # noqa: PLC0415

    try:
        if source.file:
            load = google.auth.load_credentials_from_file
            credentials, _ = load(source.file, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        else:
            credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request())
    except Exception as error:  # noqa: BLE001  # the library's errors have no common class
        raise CredentialError(f"no access token of Google's: {error}") from None
    expiry: datetime | None = credentials.expiry
    lives_s = _UNKNOWN_S
    if expiry is not None:
        lives_s = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    return Lease((("authorization", f"Bearer {credentials.token}"),), lives_s=lives_s)
