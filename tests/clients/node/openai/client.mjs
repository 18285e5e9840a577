// openai-node: Chat Completions and Responses.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { Calls, IMAGE, MAX_TURNS, PNG_URL, STRUCTURED, TEXT, TOOL, TOOLS, main } from "./talk.mjs";

const Place = z.object({
  city: z.string(),
  kind: z.enum(["town", "village"]),
  days: z.number().int(),
  tags: z.array(z.string()),
  where: z.object({ lat: z.number(), lon: z.number() }),
});

const client = (at) =>
  new OpenAI({ baseURL: `${at.url}/v1`, apiKey: at.key, maxRetries: 0, timeout: 20000 });
const asked = (content) => [{ role: "user", content }];
const tools = [{ type: "function", function: TOOL }];

const answered = (calls, made) =>
  made.map((call) => ({
    role: "tool",
    tool_call_id: call.id,
    content: calls.run(call.function.name, JSON.parse(call.function.arguments)),
  }));

async function talk(at, ask) {
  const calls = new Calls();
  const messages = asked(TOOLS);
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const message = await ask(client(at), { model: at.model, messages, tools });
    if (!message.tool_calls?.length) return { text: message.content, calls: calls.made };
    messages.push(message, ...answered(calls, message.tool_calls));
  }
  throw new Error("it never ends");
}

const chat = {
  async text(at) {
    const done = await client(at).chat.completions.create({ model: at.model, messages: asked(TEXT) });
    const { prompt_tokens: input_tokens, completion_tokens: output_tokens } = done.usage;
    return { text: done.choices[0].message.content, input_tokens, output_tokens };
  },
  async stream(at) {
    const stream = await client(at).chat.completions.create({
      model: at.model,
      messages: asked(TEXT),
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces = [];
    let usage;
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta?.content;
      if (text) pieces.push(text);
      usage = chunk.usage ?? usage;
    }
    return { text: pieces.join(""), pieces: pieces.length, output_tokens: usage.completion_tokens };
  },
  tools: (at) =>
    talk(at, async (api, body) => (await api.chat.completions.create(body)).choices[0].message),
  async "tools, streamed"(at) {
    const calls = new Calls();
    const runner = client(at).chat.completions.runTools({
      model: at.model,
      messages: asked(TOOLS),
      stream: true,
      tools: [
        {
          type: "function",
          function: {
            ...TOOL,
            parse: JSON.parse,
            function: (given) => calls.run(TOOL.name, given),
          },
        },
      ],
    });
    return { text: await runner.finalContent(), calls: calls.made };
  },
  async image(at) {
    const parts = [
      { type: "text", text: IMAGE },
      { type: "image_url", image_url: { url: PNG_URL } },
    ];
    const done = await client(at).chat.completions.create({
      model: at.model,
      messages: asked(parts),
    });
    return { text: done.choices[0].message.content };
  },
  async structured(at) {
    const done = await client(at).chat.completions.parse({
      model: at.model,
      messages: asked(STRUCTURED),
      response_format: zodResponseFormat(Place, "place"),
    });
    return { value: done.choices[0].message.parsed };
  },
};

const functions = [{ type: "function", strict: true, ...TOOL }];

async function respond(at, ask) {
  const calls = new Calls();
  const input = asked(TOOLS);
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const made = await ask(client(at), { model: at.model, input, tools: functions });
    if (made.output_text) return { text: made.output_text, calls: calls.made };
    const outputs = made.output
      .filter((item) => item.type === "function_call")
      .map((item) => ({
        type: "function_call_output",
        call_id: item.call_id,
        output: calls.run(item.name, JSON.parse(item.arguments)),
      }));
    input.push(...made.output, ...outputs);
  }
  throw new Error("it never ends");
}

const responses = {
  async text(at) {
    const done = await client(at).responses.create({ model: at.model, input: TEXT });
    return { text: done.output_text, output_tokens: done.usage.output_tokens };
  },
  async stream(at) {
    const stream = client(at).responses.stream({ model: at.model, input: TEXT });
    let pieces = 0;
    stream.on("response.output_text.delta", () => pieces++);
    const done = await stream.finalResponse();
    return { text: done.output_text, pieces, output_tokens: done.usage.output_tokens };
  },
  tools: (at) => respond(at, (api, body) => api.responses.create(body)),
  "tools, streamed": (at) =>
    respond(at, (api, body) => api.responses.stream(body).finalResponse()),
  async image(at) {
    const parts = [
      { type: "input_text", text: IMAGE },
      { type: "input_image", image_url: PNG_URL, detail: "auto" },
    ];
    const done = await client(at).responses.create({ model: at.model, input: asked(parts) });
    return { text: done.output_text };
  },
  async structured(at) {
    const done = await client(at).responses.parse({
      model: at.model,
      input: STRUCTURED,
      text: { format: zodTextFormat(Place, "place") },
    });
    return { value: done.output_parsed };
  },
};

await main({ "openai-node Chat Completions": chat, "openai-node Responses": responses });
