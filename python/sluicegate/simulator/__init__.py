"""A simulated provider: a process that speaks OpenAI's, Anthropic's, Gemini's, Bedrock's, Cohere's
and Ollama's dialects.

`python -m sluicegate.simulator [--host H] [--port P] [--first-token-ms N] [--token-ms N]
[--die-with-parent]` prints one line of JSON, `{"url": "http://127.0.0.1:PORT"}`, when it is ready.
It serves `POST /v1/chat/completions`, `/v1/completions`, `/v1/responses`, `/v1/embeddings`,
`/v1/images/...`, `/v1/audio/...`, `/v1/moderations` and `/v1/rerank` as OpenAI and Jina have them,
`/v1/messages` and `/v1/messages/count_tokens`, Gemini's `/v1beta/models/MODEL:generateContent`,
`:streamGenerateContent`, `:countTokens`, `:embedContent` and `:batchEmbedContents`, Bedrock's
`/model/MODEL/converse` and `/converse-stream`, `/invoke` for Claude, Titan's vectors and Cohere's,
Cohere's `/v2/chat`, `/v2/embed` and `/v2/rerank`, Ollama's `/api/chat` and `/api/embed`, and the
lists of models. `routes.py` is the table.

The answer depends on the request alone.  A tool is called when the request offers one and either
demands it (`tool_choice`) or says "use the tool" or `Call NAME with {"some": "arguments"}`: all
calls of one line at once, those of the next line when the results are there.  JSON is given when
`response_format` asks for it (an example of the schema, if there is one); images are told with
their type, size and checksum; thinking is shown when asked for;
`stop` and `max_tokens` cut; `n` gives up to eight choices.  What a real provider refuses, such as
no messages, is a 400.  Sampling and `logprobs` change nothing.  Usage counts words, so it is exact
and checkable by hand. Pictures are of one colour, speech is a tone (silence in MP3), a transcript
tells which file came and its checksum, a text that says "flag me" is flagged, and texts that share
words are near each other.  Any key is accepted, any model name answers:

| model | what it does |
|---|---|
| `sim-1`, any other name | answers at the configured pace (200 ms, then 20 ms a word) |
| `sim-fast` | answers without delay |
| `sim-slow` | five times slower |
| `sim-error-STATUS` | refuses with that status, `429` and `503` with `retry-after: 1` |
| `sim-midstream-error` | an error event after three words |
| `sim-midstream-reset` | closes the connection after three words |
| `sim-hang` | never answers |
"""
