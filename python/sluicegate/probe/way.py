"""What can be on the way to a provider, in words."""

import errno
import http.client
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

_PLACES: Final = {
    ".amazonaws.com": "region",
    "aiplatform.googleapis.com": "location",
    ".openai.azure.com": "resource",
    ".services.ai.azure.com": "resource",
    ".cognitiveservices.azure.com": "resource",
}
"""By the ends of clouds' hosts: what stands before them."""


def broken_way(where: str, error: Exception | None) -> tuple[str, str]:
    """What is wrong, for programs and for people, where no answer came from a URL."""
    url = urlsplit(where)
    host = url.hostname or ""
    where = f"{host}:{url.port or (443 if url.scheme == 'https' else 80)}"
    match error:
        case socket.gaierror():
            what = f"the name {host} is not known here{_placed(host)}"
            return ("dns", f"{what}: mend base_url or the network")
        case ConnectionRefusedError():
            return ("refused", f"nothing listens at {where}: mend base_url or start it")
        case ssl.SSLCertVerificationError():
            return ("tls", f"the certificate of {host} is not trusted: {error.verify_message}")
        case ssl.SSLError():
            plain = "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error)
            hint = ": should base_url begin with http://?" if plain else ""
            return ("tls", f"{where} does not speak TLS as it should ({error.reason}){hint}")
        case TimeoutError():
            return ("timeout", f"{where} did not answer in time")
        case http.client.RemoteDisconnected() | ConnectionResetError():
            return ("reset", f"{where} closed the connection without an answer")
        case http.client.HTTPException():
            hint = ": should base_url begin with https://?" if url.scheme == "http" else ""
            return ("not_http", f"{where} does not answer in HTTP{hint}")
        case OSError() if error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
            return ("unreachable", f"there is no way to {where} from here")
        case _:
            return ("unreachable", f"{where} cannot be reached: {type(error).__name__}")


def _placed(host: str) -> str:
    """What of a cloud's host names whose or where it is."""
    found = next((what for end, what in _PLACES.items() if host.endswith(end)), None)
    return f", if there is such a {found}" if found else ""
