"""LangChain's models of OpenAI, Anthropic and Google."""

from collections.abc import Callable
from typing import Any

import forms
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from talk import (
    IMAGE,
    MAX_TURNS,
    PNG_BASE64,
    STRUCTURED,
    TEXT,
    TOOL,
    TOOLS,
    At,
    Calls,
    Client,
    Saw,
    main,
)

Make = Callable[[At], BaseChatModel]


def _openai(at: At) -> BaseChatModel:
    return ChatOpenAI(model=at.model, base_url=f"{at.url}/v1", api_key=at.key, max_retries=0)


def _responses(at: At) -> BaseChatModel:
    return ChatOpenAI(
        model=at.model,
        base_url=f"{at.url}/v1",
        api_key=at.key,
        max_retries=0,
        use_responses_api=True,
    )


def _anthropic(at: At) -> BaseChatModel:
    return ChatAnthropic(
        model=at.model, base_url=at.url, api_key=at.key, max_retries=0, max_tokens=1000
    )


def _google(at: At) -> BaseChatModel:
    return ChatGoogleGenerativeAI(
        model=at.model, base_url=at.url, google_api_key=at.key, max_retries=1
    )


_COUNTS = ("input_tokens", "output_tokens")


def _told(message: Any) -> Saw:
    used = message.usage_metadata or {}  # streams of ChatOpenAI ask only OpenAI itself for it
    return {"text": message.text, **{name: used[name] for name in _COUNTS if name in used}}


def _talk(model: BaseChatModel, ask: Callable[[Any, Any], Any]) -> Saw:
    """The conversation with tools."""
    calls = Calls()
    bound = model.bind_tools([{"type": "function", "function": TOOL}])
    messages: list[Any] = [HumanMessage(TOOLS)]
    for _ in range(MAX_TURNS):
        answer = ask(bound, messages)
        messages.append(answer)
        if not answer.tool_calls:
            return {"text": answer.text, "calls": calls.made}
        messages += [
            ToolMessage(calls.run(call["name"], call["args"]), tool_call_id=call["id"])
            for call in answer.tool_calls
        ]
    raise RuntimeError("it never ends")


def _streamed(model: Any, messages: Any) -> Any:
    first, *rest = model.stream(messages)
    for chunk in rest:
        first += chunk
    return first


def _client(name: str, make: Make) -> Client:
    client = Client(name)

    @client.case("text")
    def text(at: At) -> Saw:
        return _told(make(at).invoke(TEXT))

    @client.case("stream")
    def stream(at: At) -> Saw:
        chunks = list(make(at).stream(TEXT))
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        return {"pieces": sum(bool(chunk.text) for chunk in chunks), **_told(whole)}

    @client.case("async")
    async def asynchronous(at: At) -> Saw:
        return _told(await make(at).ainvoke(TEXT))

    @client.case("tools")
    def tools(at: At) -> Saw:
        return _talk(make(at), lambda model, messages: model.invoke(messages))

    @client.case("tools, streamed")
    def tools_streamed(at: At) -> Saw:
        return _talk(make(at), _streamed)

    @client.case("image")
    def image(at: At) -> Saw:
        picture = {"type": "image", "base64": PNG_BASE64, "mime_type": "image/png"}
        asked = HumanMessage(content_blocks=[{"type": "text", "text": IMAGE}, picture])
        return _told(make(at).invoke([asked]))

    @client.case("structured")
    def structured(at: At) -> Saw:
        return _formed(make(at).with_structured_output(forms.Place).invoke(STRUCTURED))

    @client.case("structured, by JSON Schema")
    def structured_by_json_schema(at: At) -> Saw:
        model = make(at).with_structured_output(forms.Place, method="json_schema")
        return _formed(model.invoke(STRUCTURED))

    @client.case("structured, by a tool")
    def structured_by_a_tool(at: At) -> Saw:
        model = make(at).with_structured_output(forms.Place, method="function_calling")
        return _formed(model.invoke(STRUCTURED))

    return client


def _formed(value: Any) -> Saw:
    assert isinstance(value, forms.Place), value
    return {"value": value.model_dump()}


if __name__ == "__main__":
    main(
        _client("LangChain ChatOpenAI", _openai),
        _client("LangChain ChatOpenAI, Responses", _responses),
        _client("LangChain ChatAnthropic", _anthropic),
        _client("LangChain ChatGoogleGenerativeAI", _google),
    )
