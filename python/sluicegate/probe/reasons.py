"""What clouds refuse with, in their own words, and what that means to whoever sets one up.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors,
https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
https://learn.microsoft.com/azure/ai-services/openai/reference
"""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """One refusal.

    Args:
        words: `|` between alternatives, `&` between what must all stand in the answer, in small
        letters.
        kind: for programs.
        message: for people; `{name}` is the provider's, `{model}`, `{region}` and `{host}` are what
        was asked, `{said}` are the words themselves.
    """

    words: str
    kind: str
    message: str


REFUSALS: Final = (
    # What is signed at the wrong time is also called a bad signature, so that clocks come first.
    Reason(
        "signature expired | signature not yet current | requesttimetooskewed | requestexpired"
        " | invalid jwt & reasonable timeframe | aadsts700024",
        "clock",
        "this machine's clock is wrong: set it by a time server",
    ),
    # Amazon
    Reason("aws sso login", "expired", "{said}"),
    Reason(
        "expiredtoken | security token & is expired",
        "expired",
        "the temporary credentials have ended: get new ones",
    ),
    Reason(
        "scoped to a valid region",
        "region",
        "requests are signed for {region}, and {host} is of another region: mend "
        "providers.{name}.aws.region or its base_url",
    ),
    Reason(
        "unrecognizedclient | invalidclienttokenid | security token & is invalid",
        "credential",
        "AWS does not know the access key: it is deleted or disabled, or of another partition",
    ),
    Reason(
        "signature we calculated does not match",
        "credential",
        "the secret access key is not that of the access key id",
    ),
    Reason(
        "access to the model | use case details have not been submitted | model access is denied",
        "model_access",
        "the account has no access to {model} in {region}: ask for it in Bedrock's console",
    ),
    Reason(
        "not authorized to perform: sts:assumerole",
        "permission",
        "the role is not given: its trust policy must name who asks for it",
    ),
    Reason(
        "not authorized to perform",
        "permission",
        "the credentials may not do this: their policy must allow bedrock:InvokeModel on {model}",
    ),
    Reason(
        "on-demand throughput isn",
        "unknown_model",
        "{model} is answered by inference profiles alone: ask for us.{model}, eu.{model} or a "
        "profile's ARN",
    ),
    Reason(
        "model identifier is invalid",
        "unknown_model",
        "Bedrock has no model {model} in {region}: mend the model or the region",
    ),
    # Google
    Reason(
        "service_disabled | has not been used in project",
        "project",
        "Vertex AI is not enabled in the project",
    ),
    Reason(
        "consumer_invalid | resource project & is invalid | project & not found or deleted",
        "project",
        "there is no such project: mend the project in providers.{name}",
    ),
    Reason(
        "billing_disabled | requires billing to be enabled",
        "project",
        "the project has no billing account",
    ),
    Reason(
        "permission 'aiplatform & denied",
        "permission",
        "the credentials may not use Vertex AI in the project, or there is no such project: they "
        "need the role Vertex AI User (roles/aiplatform.user)",
    ),
    Reason(
        "publisher model & not found",
        "model_access",
        "the project has no access to {model}, or this location does not have it: enable it in "
        "Model Garden, or mend the location",
    ),
    Reason(
        "unsupported region | location is not supported",
        "region",
        "the location does not have this: mend the location in providers.{name}",
    ),
    Reason(
        "invalid jwt signature | account not found",
        "credential",
        "the service account's key is deleted or disabled, or the account is",
    ),
    Reason(
        "invalid_grant | reauthentication is needed | invalid_rapt",
        "expired",
        "the sign-in has ended: run `gcloud auth application-default login`",
    ),
    Reason(
        "access_token_expired | invalid authentication credentials",
        "expired",
        "the access token has ended, or is none of Google's",
    ),
    Reason(
        "default credentials were not found",
        "credential",
        "there are no credentials of Google's here: set GOOGLE_APPLICATION_CREDENTIALS or "
        "providers.{name}.google_credentials, or run `gcloud auth application-default login`",
    ),
    # Microsoft
    Reason(
        "deploymentnotfound",
        "unknown_model",
        "the resource has no deployment {model}: what is asked for is a deployment's name, which "
        "may differ from its model's",
    ),
    Reason(
        "api version not supported | unsupported api version",
        "bad_request",
        "there is no such version: mend providers.{name}.api_version",
    ),
    Reason(
        "invalid subscription key",
        "credential",
        "the key in providers.{name}.api_key is not of the resource {host}",
    ),
    Reason(
        "lacks the required data action | principal does not have access",
        "permission",
        "the identity may not use the resource: it needs the role Cognitive Services OpenAI User",
    ),
    Reason(
        "public access is disabled | virtual network/firewall",
        "unreachable",
        "the resource takes requests from its own networks alone",
    ),
    Reason(
        "token tenant & does not match | aadsts90002",
        "tenant",
        "the tenant is wrong: mend providers.{name}.entra.tenant_id",
    ),
    Reason(
        "audience is incorrect",
        "expired",
        "the access token has ended, or is for something else: see providers.{name}.entra.scope",
    ),
    Reason(
        "aadsts7000222",
        "expired",
        "the application's secret has ended: make another for providers.{name}.entra",
    ),
    Reason(
        "aadsts7000215",
        "credential",
        "the application's secret is wrong: its value is wanted, not its id",
    ),
    Reason(
        "aadsts700016",
        "credential",
        "there is no such application in the tenant: mend providers.{name}.entra.client_id",
    ),
)
WAYS: Final = (
    Reason(
        "(gaierror) | failed to resolve | name resolution",
        "dns",
        "the name of who gives out the credentials is not known here",
    ),
    Reason(
        "(sslcertverificationerror) | certificate_verify_failed | certificate verify failed",
        "tls",
        "the certificate of who gives out the credentials is not trusted",
    ),
    Reason("timed out", "timeout", "who gives out the credentials does not answer in time"),
    Reason(
        "(connectionrefusederror) | connection refused",
        "refused",
        "nothing listens where the credentials are given out",
    ),
    Reason("cannot be reached", "unreachable", "who gives out the credentials cannot be reached"),
)
"""What can be on the way to a credential; an answer that says such words means something else."""


def reason_of(text: str, reasons: tuple[Reason, ...] = REFUSALS) -> Reason | None:
    """The first that a refusal's words fit."""
    lower = text.lower()

    def fits(reason: Reason) -> bool:
        alternatives = (each.split("&") for each in reason.words.split("|"))
        return any(all(word.strip() in lower for word in words) for words in alternatives)

    return next(filter(fits, reasons), None)
