// The official Anthropic library for Node.

import Anthropic from "@anthropic-ai/sdk";
import {
  Calls,
  FORM,
  IMAGE,
  MAX_TURNS,
  PNG_BASE64,
  STRUCTURED,
  TEXT,
  TOOL,
  TOOLS,
  main,
} from "./talk.mjs";

const client = (at) => new Anthropic({ baseURL: at.url, apiKey: at.key, maxRetries: 0 });
const asked = (at, content) => ({
  model: at.model,
  max_tokens: 1000,
  messages: [{ role: "user", content }],
});
const textOf = (message) =>
  message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
const told = (message) => ({
  text: textOf(message),
  input_tokens: message.usage.input_tokens,
  output_tokens: message.usage.output_tokens,
});
const tool = {
  name: TOOL.name,
  description: TOOL.description,
  input_schema: TOOL.parameters,
};

async function talk(at, ask) {
  const calls = new Calls();
  const body = { ...asked(at, TOOLS), tools: [tool] };
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const message = await ask(client(at).messages, body);
    if (message.stop_reason !== "tool_use") return { text: textOf(message), calls: calls.made };
    const results = message.content
      .filter((block) => block.type === "tool_use")
      .map((block) => ({
        type: "tool_result",
        tool_use_id: block.id,
        content: calls.run(block.name, block.input),
      }));
    body.messages.push(
      { role: "assistant", content: message.content },
      { role: "user", content: results },
    );
  }
  throw new Error("it never ends");
}

const messages = {
  text: async (at) => told(await client(at).messages.create(asked(at, TEXT))),
  async stream(at) {
    const stream = client(at).messages.stream(asked(at, TEXT));
    let pieces = 0;
    stream.on("text", () => pieces++);
    const message = await stream.finalMessage();
    return { pieces, ...told(message) };
  },
  tools: (at) => talk(at, (api, body) => api.create(body)),
  "tools, streamed": (at) => talk(at, (api, body) => api.stream(body).finalMessage()),
  async image(at) {
    const source = { type: "base64", media_type: "image/png", data: PNG_BASE64 };
    const parts = [
      { type: "image", source },
      { type: "text", text: IMAGE },
    ];
    return told(await client(at).messages.create(asked(at, parts)));
  },
  async structured(at) {
    const message = await client(at).messages.create({
      ...asked(at, STRUCTURED),
      output_config: { format: { type: "json_schema", schema: FORM } },
    });
    return { value: JSON.parse(textOf(message)) };
  },
};

await main({ "anthropic-node Messages": messages });
