"""The configuration's fields: names, types, bounds, defaults, each with its unit and its reason.

A field that stands here and is not built yet is refused with a clear text by `settings.py`:
nothing is ever accepted and ignored.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sluicegate.accounting.key_cache import KeyCache
from sluicegate.accounting.limits import Amount, Limit
from sluicegate.config.aws import Aws
from sluicegate.config.cache import Cache, CacheOverride
from sluicegate.config.entra import Entra
from sluicegate.config.values import ByteSize, Secret
from sluicegate.providers import EmbeddingsForm, Extension, Lack, RerankForm
from sluicegate.providers.clouds import Envelope

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1)]
Price = Annotated[Decimal, Meta(ge=0)]
Discount = Annotated[Decimal, Meta(ge=0, le=100)]
Margin = Annotated[Decimal, Meta(ge=0, le=100_000)]
MiB = 2**20
SQLITE: Final = "sqlite"
"""A file, in place of a server's URL."""
LOOP_NOTE: Final = (
    "You have made the same call with the same result several times. Repeating it brings nothing "
    "new: do something else, or say what is missing and stop."
)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how the gateway listens."""

    host: Name = "127.0.0.1"
    """Loopback: a gateway that others reach is a decision."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 4000
    """0 lets the system choose."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes. One keeps limits exact without any coordination."""
    max_body_bytes: Annotated[ByteSize, Meta(ge=1)] = ByteSize(32 * MiB)
    """Largest request; images and documents travel inside it."""
    body_timeout_s: Positive = 30.0
    """For a client to send its whole body."""
    write_stall_s: Positive = 60.0
    """For a client to take what is sent to it; then it is given up."""
    drain_s: Annotated[float, Meta(ge=0)] = 30.0
    """For running requests after SIGTERM."""
    front: Literal["native", "asgi"] = "native"
    """`native` serves requests to models in the core, and the rest as ASGI; `asgi` all of them."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines, seconds. What is left out comes from the wider scope: model, provider, all."""

    connect_s: Positive | None = None
    """Name resolution, TCP and TLS; 5."""
    first_byte_s: Positive | None = None
    """Until the first body byte; 60, since reasoning models think first."""
    idle_s: Positive | None = None
    """Between two pieces of an answer; 60."""
    total_s: Positive | None = None
    """The whole request with all its attempts; 600."""
    session_s: Positive | None = None
    """A whole realtime session; 3600, which is OpenAI's own bound."""
    session_idle_s: Positive | None = None
    """Of a session in which neither side says anything; 600."""


class ProviderKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of several keys of a provider."""

    key: Secret
    name: Name | None = None
    """In headers and the log, where the key itself never stands; its number where omitted."""
    weight: Annotated[int, Meta(ge=1, le=1000)] = 1
    """Share of the draw."""
    rpm: Count | None = None
    """Requests a minute; a key that is over is passed over for the next one."""
    tpm: Count | None = None
    """Tokens a minute, of input and output; in the same way."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A host that answers; a name of the catalogue needs only its key."""

    api_key: Secret | None = None
    """`none` for hosts that want no key."""
    api_keys: list[Secret | ProviderKey] | None = None
    """Several in its place: drawn by weight, and one that is refused or used up gives way to the
    next.
    """
    dialect: (
        Literal["openai", "openai_responses", "anthropic", "gemini", "bedrock", "cohere", "ollama"]
        | Name
        | None
    ) = None
    """What it speaks; the catalogue knows it for its names. Plugins bring more."""
    envelope: Envelope | None = None
    """The cloud that an `anthropic` host belongs to, whose paths and bodies requests then have; the
    catalogue, or the URL, knows it.
    """
    base_url: str | None = None
    """Scheme, host and path; `/v1` at the end or not."""
    settings: dict[str, str] = {}
    """What the catalogue's URL of this host wants to know: an account, a region."""
    timeouts: Timeouts = Timeouts()
    responses: bool | None = None
    """Whether an `openai` host has the Responses API; the catalogue knows it for its names, others
    have it.
    """
    completions: bool | None = None
    """Whether an `openai` host has the older completions; the catalogue knows it for its names,
    others have them.
    """
    realtime: bool | None = None
    """Whether an `openai` host has realtime sessions; the catalogue knows it for its names, others
    have them.
    """
    headers: dict[str, str] = {}
    """Sent with every request."""
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    """What happens to a stream whose client left: `drain` reads on, so that usage is reported."""
    stream_usage: Literal["ask", "never"] | None = None
    """Whether streams are asked for their usage where the client did not; `never` for hosts that
    refuse it.
    """
    embeddings: EmbeddingsForm | Literal["none"] | None = None
    """In which form it has embeddings; the catalogue, or the dialect, knows it."""
    rerank: RerankForm | Literal["none"] | None = None
    """In which form it ranks documents; the catalogue, or the dialect, knows it."""
    extensions: list[Extension] | None = None
    """Fields beyond the `openai` dialect that this host takes; the catalogue knows it for its
    names, and for others it is none, because strict hosts refuse what they do not know.
    """
    lacks: list[Lack] | None = None
    """Fields of the `openai` dialect that this host refuses or ignores; the catalogue knows it for
    its names.
    """
    reasoning_beside_output: bool | None = None
    """Whether its output counts leave out reasoning, as xAI's do; the catalogue knows it for its
    names.
    """
    auth: Literal["bearer", "api-key", "x-api-key", "x-goog-api-key"] | None = None
    """Where the key goes: `authorization`, or a header of that name; the catalogue, or the dialect,
    knows it.
    """
    api_version: Name | None = None
    """Of Azure OpenAI's older form, in which the path names the deployment; none is its `v1`."""
    aws: Aws = Aws()
    """Who signs requests to Bedrock, where `api_key` is not one of Bedrock's."""
    entra: Entra | None = None
    """Tokens of Microsoft Entra ID in place of a key of Azure's; they are renewed."""
    google_credentials: Name | None = None
    """A file with credentials of Google's, for a provider on Vertex AI without an `api_key`: its
    tokens are renewed; those of the environment where omitted.
    """
    unsupported: Literal["refuse", "drop"] | None = None
    """Fields that this provider's dialect cannot express; refusing is the default because silence
    is wrong.
    """
    prompt_cache: Literal["off", "auto"] = "off"
    """`auto` marks what repeats for the vendor's own prompt cache; only for `anthropic` and
    `bedrock`. Off, since what is marked and does not come again costs a quarter more.
    """


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model behind a name."""

    model: Name
    """`provider/model`; all behind the first slash goes upstream as it is."""
    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    """Share of the draw."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A name that clients ask for."""

    targets: Annotated[list[str | Target], Meta(min_length=1)]
    strategy: Literal["fallback", "weighted"] = "fallback"
    timeouts: Timeouts = Timeouts()
    failover_on: list[Literal["context_length", "content_policy"]] = []
    """Refusals of the caller's own request that still lead to the next target."""
    unsupported: Literal["refuse", "drop"] | None = None
    cache: CacheOverride = CacheOverride()
    prompt_cache: Literal["off", "auto"] | None = None
    """In place of its providers' own."""


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens, and by what is no tokens."""

    input: Price | None = None
    """Required, unless something that is no tokens has a price; then nothing where omitted."""
    output: Price | None = None
    """Like `input`."""
    cached_input: Price | None = None
    """Reads from the vendor's cache; `input` where omitted."""
    cache_write: Price | None = None
    """`input` where omitted."""
    cache_write_1h: Price | None = None
    """`cache_write` where omitted."""
    reasoning: Price | None = None
    """For hosts that charge it apart; `output` where omitted."""
    input_audio: Price | None = None
    """`input` where omitted."""
    output_audio: Price | None = None
    """`output` where omitted."""
    input_image: Price | None = None
    """`input` where omitted."""
    output_image: Price | None = None
    """`output` where omitted."""
    per_1000_requests: Price | None = None
    """USD for a thousand requests, whatever their tokens; nothing where omitted."""
    per_1000_web_searches: Price | None = None
    """USD for a thousand searches that the vendor makes; nothing where omitted."""
    per_image: Price | None = None
    """USD for a picture that is drawn."""
    per_image_by_kind: dict[str, Price] = {}
    """The same by `QUALITY/SIZE`, a size or a quality alone, or `*`."""
    per_audio_minute: Price | None = None
    """USD for a minute of a recording that is heard."""
    per_audio_hour: Price | None = None
    """The same by the hour."""
    per_million_characters: Price | None = None
    """USD for a million characters that are spoken."""
    per_1000_searches: Price | None = None
    """USD for a thousand searches through documents that the request brings: rankings."""


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a run that goes round in circles."""

    repeats: Annotated[int, Meta(ge=2, le=100)]
    """How often the same call, or the same tool call with the same result, may be made in a row."""
    action: Literal["warn", "note", "stop"] = "warn"
    """`warn` says so in a header and the log, `note` also tells the model, `stop` refuses."""
    note: Annotated[str, Meta(min_length=1, max_length=4000)] = LOOP_NOTE
    """What the model is told."""


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of agent runs, each by itself."""

    cost_usd: Decimal | None = None
    total_tokens: Amount | None = None
    steps: Amount | None = None
    """Requests."""
    wall_s: Positive | None = None
    """From its first request on."""
    depth: Annotated[int, Meta(ge=0, le=1000)] | None = None
    """How deep runs may nest."""
    fan_out: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    """How many sub-runs one may begin."""
    derive: bool = False
    """Requests that name no run belong to that of their conversation."""
    loop: Loop | None = None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell that a limit is nearly used up, a price is missing, a count diverges."""

    webhook_url: Secret
    """http or https; each event is posted there as JSON."""
    webhook_secret: Secret | None = None
    """Signs each body: `x-sluicegate-signature: sha256=HEX`, HMAC-SHA256."""


class Responses(msgspec.Struct, frozen=True, kw_only=True):
    """Responses that the gateway keeps, so that clients go on from them where the provider keeps
    none.
    """

    keep_days: Annotated[float, Meta(ge=0, le=36500)] = 30.0
    """As long as OpenAI does; 0 keeps none."""
    max_bytes: Annotated[ByteSize, Meta(ge=0)] = ByteSize(1024 * MiB)
    """Of all of them in the store; the oldest make room."""
    unasked_after_s: Annotated[float, Meta(ge=0, le=86400)] = 600.0
    """A job in the background that no client asks for is asked for by the gateway then; 0 is
    never.
    """


class Batches(msgspec.Struct, frozen=True, kw_only=True):
    """Files and batches that the gateway keeps."""

    keep_days: Annotated[float, Meta(ge=1, le=36500)] = 30.0
    """As long as OpenAI keeps what comes of a batch."""
    max_bytes: Annotated[ByteSize, Meta(ge=0)] = ByteSize(1024 * MiB)
    """Of the files of one tenant in the store; then it must delete some."""


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own credential for a provider, in the place of the operator's for its requests
    alone. Whose it is: a key's, a team's, or an organisation's.
    """

    provider: Name
    api_key: Secret
    key: str = ""
    """The name of one of the gateway's keys."""
    organisation: str = ""
    team: str = ""

    @property
    def owner(self) -> tuple[str, str, str]:
        """Whose it is, as the core has it: organisation, team, key."""
        return self.organisation, self.team, self.key


class PluginsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Plugins of installed packages; all are in force that are not disabled."""

    disabled: list[Name] = []
    """By the names of their entry points."""
    timeout_s: Positive = 1.0
    """For all hooks that are asked before one request."""
    on_failure: Literal["refuse", "pass"] = "refuse"
    """What becomes of a request where such a hook raises, hangs or says nonsense: a policy that
    cannot be asked has not agreed.
    """
    settings: dict[str, dict[str, Secret]] = {}
    """By a hook's name: what it is made with."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of this gateway."""

    name: Name
    key: Secret
    """16 or more printable characters."""
    organisation: str = ""
    team: str = ""
    project: str = ""
    user: str = ""
    models: list[str] | None = None
    """Names it may ask for, `provider/*` for all of a provider's; all where omitted."""
    providers: list[str] | None = None
    """Providers that may answer it; all where omitted."""
    routes: list[str] | None = None
    """Paths that it may use, `/v1/*` for all below; all where omitted."""
    budget_usd: Price | None = None
    budget_period: Literal["minute", "hour", "day", "week", "month", "total"] | None = None
    tpm: Count | None = None
    rpm: Count | None = None
    max_parallel: Count | None = None
    cache: KeyCache | None = None
    """Of its own requests; as their models have it where omitted."""


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    """A listener of its own for the admin API."""

    host: Name = "127.0.0.1"
    """Loopback: who reaches it can try keys."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 4001


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    server: Server = Server()
    data_dir: str = "./data"
    """Journal and store; relative to this file; made with mode 0700."""
    store: Name = SQLITE
    """`sqlite`, a file in `data_dir`, or the URL of a PostgreSQL database."""
    stale_keys_s: Annotated[float, Meta(ge=1)] = 60.0
    """For how long keys of the store are taken while it cannot be read: one of them may have been
    revoked meanwhile.
    """
    shared_state: Name = "local"
    """`local`, or the URL of a Redis or Valkey server through which hosts share their limits."""
    admin_key: Secret | None = None
    """Opens the admin API; there is none by default."""
    admin: Admin | None = None
    """Omitted, the admin API is on the gateway's own listener while that is loopback."""
    master_key: Secret | None = None
    """Keys digests of keys; omitted, a random one is made in `data_dir`."""
    auth: Literal["keys", "none"] = "keys"
    """`none` asks for no key; on loopback only."""
    providers: dict[str, Provider] = {}
    models: dict[str, Model] = {}
    prices: dict[str, ModelPrice] = {}
    discount_percent: dict[str, Discount] = {}
    """Off the price book, by provider, `*` for the others; `prices` are net already."""
    margin_percent: dict[str, Margin] = {}
    """On top of either, by provider, `*` for the others: what is charged within the house."""
    unpriced: Literal["record", "refuse"] = "record"
    """A model without a price: recorded as such, with a warning, or refused."""
    cache: Cache = Cache()
    timeouts: Timeouts = Timeouts()
    commit_after_s: Positive = 15.0
    """How long status and headers of a stream wait for its first content; then heartbeats begin."""
    max_event_bytes: Annotated[ByteSize, Meta(ge=1024)] = ByteSize(16 * MiB)
    """Largest server-sent event relayed."""
    max_answer_bytes: Annotated[ByteSize, Meta(ge=1024)] = ByteSize(64 * MiB)
    """Largest answer that is no stream."""
    responses: Responses = Responses()
    batches: Batches = Batches()
    plugins: PluginsConfig = PluginsConfig()
    provider_keys: list[OwnKey] = []
    keys: list[Key] = []
    limits: list[Limit] = []
    runs: Runs = Runs()
    events: Events | None = None
    default_max_output_tokens: Count = 4096
    """For dialects that demand a bound where the client set none, and the guess that a reservation
    begins with there.
    """
    reserve: Literal["bound", "learned"] = "bound"
    """What a stream holds of its limits when it begins: the most that it may use, or what nineteen
    of twenty such answers were. Both hold more as it grows.
    """
