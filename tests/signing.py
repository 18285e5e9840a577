"""What AWS's own SDK would have signed a request with: the reference for the product's signatures."""

from __future__ import annotations

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .upstream.exchange import Exchange

BEDROCK = ("bedrock", "us-east-1")


def signature(
    exchange: Exchange,
    key_id: str,
    secret: str,
    token: str | None = None,
    scope: tuple[str, str] = BEDROCK,
) -> str:
    """Its `authorization`, at the time that the request names; `scope` is service and region."""
    url = f"http://{exchange.header('host')}{exchange.path}"
    request = AWSRequest(exchange.method, url, data=exchange.body)
    request.context["timestamp"] = exchange.header("x-amz-date")
    signer = SigV4Auth(Credentials(key_id, secret, token), *scope)
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    found = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    credential = signer.scope(request)
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={found}"
