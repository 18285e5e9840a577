"""The clients: which script plays which, in which environment, and what each must be able to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
#: What the repository's own environment has: these run with every `make test`.
OWN = None

#: Whose models answer, by the dialect between the gateway and them; the names that clients ask for.
UPSTREAMS = {
    "openai": "on-openai",
    "openai_responses": "on-responses",
    "anthropic": "on-anthropic",
    "gemini": "on-gemini",
    "bedrock": "on-bedrock",
}

#: The same under names that a client lets pass which knows all models of its vendor's.
KNOWN = {
    "openai": "claude-sonnet-5",
    "openai_responses": "claude-sonnet-5-5",
    "anthropic": "claude-opus-5",
    "gemini": "claude-opus-5-5",
    "bedrock": "claude-haiku-5-5",
}
#: The same, going without what a provider's dialect lacks: `unsupported: drop`.
LENIENT = {upstream: f"{name}-lenient" for upstream, name in UPSTREAMS.items()}

#: What nearly every client can do: the page calls them the six.
USUAL = frozenset({"text", "stream", "tools", "tools, streamed", "image", "structured"})

_FORMS = frozenset({"structured", "structured, streamed"})
_COMMAND = frozenset({"text", "shell", "image", "structured"})


@dataclass(frozen=True)
class Script:
    """One program, which may play several clients.

    Args:
        place: a requirements file of Python's or a folder with a `package.json`, beside this file;
            `OWN` for the repository's environment.
        packages: those whose versions the page tells.
        clients: the names that it prints, each with the cases that it must have.
        models: what it asks for, by upstream.
    """

    name: str
    place: str | None
    packages: tuple[str, ...]
    clients: dict[str, frozenset[str]]
    models: Mapping[str, str] = field(default_factory=lambda: UPSTREAMS)

    @property
    def path(self) -> Path:
        """The program."""
        if self.is_node:
            return HERE / str(self.place) / "client.mjs"
        return HERE / "python" / f"{self.name}.py"

    @property
    def is_node(self) -> bool:
        """Whether Node runs it."""
        return self.place is not None and self.place.startswith("node/")


SCRIPTS = (
    Script(
        "openai_python",
        OWN,
        ("openai",),
        {
            "openai Chat Completions": USUAL | {"async", "structured, streamed", "models"},
            "openai Responses": USUAL | {"async"},
        },
    ),
    Script(
        "anthropic_python",
        OWN,
        ("anthropic",),
        {"anthropic Messages": USUAL | {"async", "count", "models"}},
    ),
    Script(
        "google_genai_python",
        OWN,
        ("google-genai",),
        {
            "google-genai generateContent": USUAL
            | {"async", "structured, by JSON Schema", "count", "models"}
        },
    ),
    Script(
        "openai_agents_sdk",
        "python/openai_agents_sdk.txt",
        ("openai-agents", "openai"),
        {
            "OpenAI Agents SDK, Responses": USUAL,
            "OpenAI Agents SDK, Chat Completions": USUAL,
        },
    ),
    Script(
        "langchain_models",
        "python/langchain_models.txt",
        ("langchain-openai", "langchain-anthropic", "langchain-google-genai"),
        dict.fromkeys(
            (
                "LangChain ChatOpenAI",
                "LangChain ChatOpenAI, Responses",
                "LangChain ChatAnthropic",
                "LangChain ChatGoogleGenerativeAI",
            ),
            USUAL | {"async", "structured, by JSON Schema", "structured, by a tool"},
        ),
    ),
    Script(
        "llama_index_llms",
        "python/llama_index_llms.txt",
        (
            "llama-index-llms-openai-like",
            "llama-index-llms-openai",
            "llama-index-llms-google-genai",
        ),
        dict.fromkeys(
            (
                "LlamaIndex OpenAILike",
                "LlamaIndex OpenAIResponses",
                "LlamaIndex GoogleGenAI",
            ),
            USUAL | {"async"},
        ),
    ),
    Script(
        "llama_index_anthropic",
        "python/llama_index_anthropic.txt",
        ("llama-index-llms-anthropic",),
        {"LlamaIndex Anthropic": USUAL | {"async"}},
        KNOWN,
    ),
    Script(
        "pydantic_ai_agents",
        "python/pydantic_ai_agents.txt",
        ("pydantic-ai-slim",),
        {
            "pydantic-ai OpenAIChatModel": USUAL | {"structured, by JSON Schema"},
            "pydantic-ai OpenAIResponsesModel": USUAL | {"structured, by JSON Schema"},
            "pydantic-ai AnthropicModel": USUAL,
            "pydantic-ai GoogleModel": USUAL | {"structured, by JSON Schema"},
        },
    ),
    Script(
        "litellm_sdk",
        "python/litellm_sdk.txt",
        ("litellm",),
        {
            "LiteLLM openai/": USUAL,
            "LiteLLM anthropic/": USUAL,
            # Of models that it does not know it only asks for JSON in words.
            "LiteLLM gemini/": USUAL - {"structured"},
        },
    ),
    Script(
        "instructor_sdk",
        "python/instructor_sdk.txt",
        ("instructor",),
        {
            "instructor from_openai": _FORMS | {"structured, by JSON Schema"},
            "instructor from_anthropic": _FORMS,
            "instructor from_genai": _FORMS | {"structured, by JSON Schema"},
        },
    ),
    Script(
        "openai_node",
        "node/openai",
        ("openai",),
        dict.fromkeys(("openai-node Chat Completions", "openai-node Responses"), USUAL),
    ),
    Script(
        "anthropic_node",
        "node/anthropic",
        ("@anthropic-ai/sdk",),
        {"anthropic-node Messages": USUAL},
    ),
    Script(
        "google_genai_node",
        "node/google-genai",
        ("@google/genai",),
        {"google-genai-node generateContent": USUAL},
    ),
    Script(
        "ai_sdk",
        "node/ai-sdk",
        ("ai", "@ai-sdk/openai", "@ai-sdk/anthropic", "@ai-sdk/google"),
        dict.fromkeys(
            ("AI SDK openai.chat", "AI SDK openai.responses", "AI SDK anthropic", "AI SDK google"),
            USUAL | {"structured, streamed"},
        ),
    ),
    Script(
        "claude_agent_sdk_python",
        "python/claude_agent_sdk_python.txt",
        ("claude-agent-sdk",),
        {"Claude Agent SDK": USUAL - {"tools, streamed"}},
    ),
    Script(
        "claude_code",
        "node/claude-code",
        ("@anthropic-ai/claude-code",),
        {"Claude Code": _COMMAND},
    ),
    # It offers OpenAI's own web search, which the others lack.
    Script("codex", "node/codex", ("@openai/codex",), {"Codex CLI": _COMMAND}, LENIENT),
)
