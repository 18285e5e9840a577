"""Requests that differ in one thing, for every dialect of clients: none may have another's answer.

`BASES[dialect]` is a body; `VARIANTS[dialect]` says of each variant's name what is laid over it.
"""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]
#: Takes a field out of the base.
GONE: Any = object()

_PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42m%s="
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_OTHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": []}

#: Fields that no dialect has, in every shape that JSON has; and what a reader may take for the same.
INVENTED: dict[str, Body] = {
    "an unknown field": {"x_invented": 1},
    "another value": {"x_invented": 2},
    "a text": {"x_invented": "1"},
    "an empty text": {"x_invented": ""},
    "true": {"x_invented": True},
    "false": {"x_invented": False},
    "null": {"x_invented": None},
    "a list": {"x_invented": [1, 2]},
    "the list turned round": {"x_invented": [2, 1]},
    "a list in a list": {"x_invented": [[1, 2]]},
    "an empty list": {"x_invented": []},
    "an empty object": {"x_invented": {}},
    "a nested value": {"x_invented": {"a": {"b": [{"c": 1}]}}},
    "another nested value": {"x_invented": {"a": {"b": [{"c": 2}]}}},
    "a nested name": {"x_invented": {"a": {"b": [{"d": 1}]}}},
    "a nested null": {"x_invented": {"a": {"b": [{"c": None}]}}},
    "one level less": {"x_invented": {"b": [{"c": 1}]}},
    "a name with another case": {"X_invented": 1},
    "a name with a space": {"x_invented ": 1},
    "two names": {"x_invented": 1, "y_invented": 1},
    "beyond 2^53": {"x_invented": 9007199254740993},
    "beyond 2^53, one less": {"x_invented": 9007199254740992},
    "beyond 2^64": {"x_invented": 123456789012345678901234567890},
    "beyond 2^64, one more": {"x_invented": 123456789012345678901234567891},
    "many places": {"x_invented": 0.1},
    "many more places": {"x_invented": 0.10000000000000002},
    "a composed letter": {"x_invented": "\u00e9"},
    "a letter that is put together": {"x_invented": "e\u0301"},
    "a line's end": {"x_invented": "a\nb"},
    "a line's end that is written": {"x_invented": "a\\nb"},
    "a zero byte": {"x_invented": "\u0000"},
}

_CHAT: dict[str, Body] = {
    "another text": {"messages": [{"role": "user", "content": "one two four"}]},
    "a space more": {"messages": [{"role": "user", "content": "one two three "}]},
    "another case": {"messages": [{"role": "user", "content": "One two three"}]},
    "parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "one two three"}]}]
    },
    "a system prompt": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one two three"},
        ]
    },
    "another system prompt": {
        "messages": [
            {"role": "system", "content": "Be long."},
            {"role": "user", "content": "one two three"},
        ]
    },
    "a developer prompt": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "one two three"},
        ]
    },
    "the system prompt behind": {
        "messages": [
            {"role": "user", "content": "one two three"},
            {"role": "system", "content": "Be brief."},
        ]
    },
    "a name": {"messages": [{"role": "user", "content": "one two three", "name": "bob"}]},
    "turns before": {
        "messages": [
            {"role": "user", "content": "zero"},
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": "one two three"},
        ]
    },
    "an image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": _PIXEL % "NkYAAAAAYAAjCB0C"}}
                ],
            }
        ]
    },
    "another image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": _PIXEL % "NkYAAAAAYAAjCB0D"}}
                ],
            }
        ]
    },
    "an image's detail": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image_url",
                        "image_url": {"url": _PIXEL % "NkYAAAAAYAAjCB0C", "detail": "low"},
                    }
                ],
            }
        ]
    },
    "temperature": {"temperature": 0.5},
    "temperature 0": {"temperature": 0},
    "temperature null": {"temperature": None},
    "top_p": {"top_p": 0.5},
    "max_tokens": {"max_tokens": 100},
    "max_completion_tokens": {"max_completion_tokens": 100},
    "n": {"n": 1},
    "stop": {"stop": "x"},
    "stop as a list": {"stop": ["x"]},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 2},
    "seed": {"seed": 1},
    "another seed": {"seed": 2},
    "user": {"user": "alice"},
    "another user": {"user": "bob"},
    "safety_identifier": {"safety_identifier": "a"},
    "prompt_cache_key": {"prompt_cache_key": "a"},
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": _SCHEMA}}
    },
    "another json_schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": _OTHER_SCHEMA},
        }
    },
    "reasoning_effort": {"reasoning_effort": "low"},
    "verbosity": {"verbosity": "low"},
    "modalities": {"modalities": ["text"]},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "service_tier": {"service_tier": "default"},
    "store": {"store": True},
    "not stored": {"store": False},
    "metadata": {"metadata": {"a": "b"}},
    "tools": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}],
    },
    "another tool": {
        "tools": [{"type": "function", "function": {"name": "g", "parameters": _SCHEMA}}],
    },
    "a tool's parameters": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _OTHER_SCHEMA}}],
    },
    "a tool's description": {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": _SCHEMA},
            }
        ],
    },
    "tool_choice": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}],
        "tool_choice": "none",
    },
    "parallel_tool_calls": {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}],
        "parallel_tool_calls": False,
    },
    "web_search_options": {"web_search_options": {}},
    "top_k, which OpenAI has not": {"top_k": 5},
    "safe_prompt, which Mistral has": {"safe_prompt": True},
    "extra_body's provider": {"provider": {"order": ["a", "b"]}},
    "extra_body's provider turned round": {"provider": {"order": ["b", "a"]}},
}

_MESSAGES: dict[str, Body] = {
    "another text": {"messages": [{"role": "user", "content": "one two four"}]},
    "blocks": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "one two three"}]}]
    },
    "a mark for the cache": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "text",
                        "text": "one two three",
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
            }
        ]
    },
    "an image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "aGFsbG8="},
                    },
                    {"type": "text", "text": "one two three"},
                ],
            }
        ]
    },
    "another image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "aGFsbG9v"},
                    },
                    {"type": "text", "text": "one two three"},
                ],
            }
        ]
    },
    "system": {"system": "Be brief."},
    "another system": {"system": "Be long."},
    "system as blocks": {"system": [{"type": "text", "text": "Be brief."}]},
    "max_tokens": {"max_tokens": 999},
    "temperature": {"temperature": 0.5},
    "top_k": {"top_k": 5},
    "top_p": {"top_p": 0.5},
    "stop_sequences": {"stop_sequences": ["x"]},
    "metadata": {"metadata": {"user_id": "alice"}},
    "another user": {"metadata": {"user_id": "bob"}},
    "service_tier": {"service_tier": "standard_only"},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 512}},
    "no thinking": {"thinking": {"type": "disabled"}},
    "tools": {"tools": [{"name": "f", "input_schema": _SCHEMA}]},
    "another tool": {"tools": [{"name": "g", "input_schema": _SCHEMA}]},
    "a tool's schema": {"tools": [{"name": "f", "input_schema": _OTHER_SCHEMA}]},
    "tool_choice": {
        "tools": [{"name": "f", "input_schema": _SCHEMA}],
        "tool_choice": {"type": "none"},
    },
    "output_config": {"output_config": {"effort": "low"}},
    "context_management": {"context_management": {"edits": []}},
    "mcp_servers": {"mcp_servers": []},
}

_RESPONSES: dict[str, Body] = {
    "another text": {"input": [{"role": "user", "content": "one two four"}]},
    "a plain text": {"input": "one two three"},
    "parts": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "one two three"}]},
        ]
    },
    "an image": {
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "one two three"},
                    {"type": "input_image", "image_url": _PIXEL % "NkYAAAAAYAAjCB0C"},
                ],
            },
        ]
    },
    "another image": {
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "one two three"},
                    {"type": "input_image", "image_url": _PIXEL % "NkYAAAAAYAAjCB0D"},
                ],
            },
        ]
    },
    "instructions": {"instructions": "Be brief."},
    "other instructions": {"instructions": "Be long."},
    "reasoning": {"reasoning": {"effort": "low"}},
    "a summary of it": {"reasoning": {"effort": "low", "summary": "auto"}},
    "text": {"text": {"format": {"type": "json_object"}}},
    "verbosity": {"text": {"verbosity": "low"}},
    "include": {"include": ["reasoning.encrypted_content"]},
    "max_output_tokens": {"max_output_tokens": 100},
    "max_tool_calls": {"max_tool_calls": 1},
    "metadata": {"metadata": {"a": "b"}},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "prompt": {"prompt": {"id": "pmpt_1"}},
    "prompt_cache_key": {"prompt_cache_key": "a"},
    "safety_identifier": {"safety_identifier": "a"},
    "service_tier": {"service_tier": "default"},
    "not stored": {"store": False},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "top_logprobs": {"top_logprobs": 2},
    "truncation": {"truncation": "auto"},
    "user": {"user": "alice"},
    "tools": {"tools": [{"type": "function", "name": "f", "parameters": _SCHEMA}]},
    "another tool": {"tools": [{"type": "function", "name": "g", "parameters": _SCHEMA}]},
    "a strict tool": {
        "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA, "strict": True}]
    },
    "tool_choice": {
        "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA}],
        "tool_choice": "none",
    },
}


def _said(*parts: Body) -> list[Body]:
    return [{"role": "user", "parts": list(parts)}]


_GEMINI: dict[str, Body] = {
    "another text": {"contents": _said({"text": "one two four"})},
    "two parts": {"contents": _said({"text": "one two "}, {"text": "three"})},
    "no role": {"contents": [{"parts": [{"text": "one two three"}]}]},
    "an image": {
        "contents": _said(
            {"inlineData": {"mimeType": "image/png", "data": "aGFsbG8="}},
            {"text": "one two three"},
        )
    },
    "another image": {
        "contents": _said(
            {"inlineData": {"mimeType": "image/png", "data": "aGFsbG9v"}},
            {"text": "one two three"},
        )
    },
    "systemInstruction": {"systemInstruction": {"parts": [{"text": "Be brief."}]}},
    "another systemInstruction": {"systemInstruction": {"parts": [{"text": "Be long."}]}},
    "temperature": {"generationConfig": {"temperature": 0.5}},
    "topP": {"generationConfig": {"topP": 0.5}},
    "topK": {"generationConfig": {"topK": 5}},
    "seed": {"generationConfig": {"seed": 1}},
    "another seed": {"generationConfig": {"seed": 2}},
    "maxOutputTokens": {"generationConfig": {"maxOutputTokens": 100}},
    "stopSequences": {"generationConfig": {"stopSequences": ["x"]}},
    "candidateCount": {"generationConfig": {"candidateCount": 1}},
    "responseMimeType": {"generationConfig": {"responseMimeType": "application/json"}},
    "responseSchema": {
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": _SCHEMA}
    },
    "presencePenalty": {"generationConfig": {"presencePenalty": 0.5}},
    "responseModalities": {"generationConfig": {"responseModalities": ["TEXT"]}},
    "thinkingConfig": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
    "an unknown field of it": {"generationConfig": {"xInvented": 1}},
    "safetySettings": {
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"},
        ]
    },
    "another threshold": {
        "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},
        ]
    },
    "labels": {"labels": {"a": "b"}},
    "cachedContent": {"cachedContent": "cachedContents/abc"},
    "tools": {"tools": [{"functionDeclarations": [{"name": "f", "parameters": _SCHEMA}]}]},
    "another tool": {"tools": [{"functionDeclarations": [{"name": "g", "parameters": _SCHEMA}]}]},
    "toolConfig": {
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": _SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
    },
}

_COMPLETIONS: dict[str, Body] = {
    "another text": {"prompt": "one two four"},
    "a list": {"prompt": ["one two three"]},
    "suffix": {"suffix": "end"},
    "echo": {"echo": False},
    "best_of": {"best_of": 1},
    "logprobs": {"logprobs": 1},
    "max_tokens": {"max_tokens": 100},
    "temperature": {"temperature": 0.5},
    "seed": {"seed": 1},
    "stop": {"stop": "x"},
    "user": {"user": "alice"},
}

VARIANTS: dict[str, dict[str, Body]] = {
    "openai": _CHAT | INVENTED,
    "anthropic": _MESSAGES | INVENTED,
    "openai_responses": _RESPONSES | INVENTED,
    "gemini": _GEMINI | INVENTED,
    "openai_completions": _COMPLETIONS | INVENTED,
}

_EMBEDDINGS: dict[str, Body] = {
    "another text": {"input": "one two four"},
    "numbers": {"input": [1, 2, 3]},
    "dimensions": {"dimensions": 2},
    "encoding_format": {"encoding_format": "float"},
    "user": {"user": "alice"},
}
#: Of `/v1/embeddings`; what one provider's form cannot say is refused, so that few are invented.
EMBEDDINGS = _EMBEDDINGS
