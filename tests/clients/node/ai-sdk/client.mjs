// The Vercel AI SDK with its providers of OpenAI, Anthropic and Google.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { Calls, IMAGE, MAX_TURNS, PNG_BASE64, STRUCTURED, TEXT, TOOL, TOOLS, main } from "./talk.mjs";

const Place = z.object({
  city: z.string(),
  kind: z.enum(["town", "village"]),
  days: z.number().int(),
  tags: z.array(z.string()),
  where: z.object({ lat: z.number(), lon: z.number() }),
});

const openai = (at) => createOpenAI({ baseURL: `${at.url}/v1`, apiKey: at.key });
const makers = {
  "AI SDK openai.chat": (at) => openai(at).chat(at.model),
  "AI SDK openai.responses": (at) => openai(at).responses(at.model),
  "AI SDK anthropic": (at) =>
    createAnthropic({ baseURL: `${at.url}/v1`, apiKey: at.key })(at.model),
  "AI SDK google": (at) =>
    createGoogleGenerativeAI({ baseURL: `${at.url}/v1beta`, apiKey: at.key })(at.model),
};

const weather = (calls) => ({
  [TOOL.name]: tool({
    description: TOOL.description,
    inputSchema: z.object({ city: z.string(), days: z.number().int() }),
    execute: async (given) => calls.run(TOOL.name, given),
  }),
});

function casesOf(make) {
  const common = (at) => ({ model: make(at), maxRetries: 0 });
  return {
    async text(at) {
      const { text, usage } = await generateText({ ...common(at), prompt: TEXT });
      return { text, input_tokens: usage.inputTokens, output_tokens: usage.outputTokens };
    },
    async stream(at) {
      const result = streamText({ ...common(at), prompt: TEXT });
      const pieces = [];
      for await (const piece of result.textStream) pieces.push(piece);
      const { outputTokens } = await result.usage;
      return { text: pieces.join(""), pieces: pieces.length, output_tokens: outputTokens };
    },
    async tools(at) {
      const calls = new Calls();
      const { text } = await generateText({
        ...common(at),
        prompt: TOOLS,
        tools: weather(calls),
        stopWhen: stepCountIs(MAX_TURNS),
      });
      return { text, calls: calls.made };
    },
    async "tools, streamed"(at) {
      const calls = new Calls();
      const result = streamText({
        ...common(at),
        prompt: TOOLS,
        tools: weather(calls),
        stopWhen: stepCountIs(MAX_TURNS),
      });
      return { text: await result.text, calls: calls.made };
    },
    async image(at) {
      const picture = { type: "file", data: PNG_BASE64, mediaType: "image/png" };
      const content = [{ type: "text", text: IMAGE }, picture];
      const { text } = await generateText({
        ...common(at),
        messages: [{ role: "user", content }],
      });
      return { text };
    },
    async structured(at) {
      const { output } = await generateText({
        ...common(at),
        prompt: STRUCTURED,
        output: Output.object({ schema: Place }),
      });
      return { value: output };
    },
    async "structured, streamed"(at) {
      const result = streamText({
        ...common(at),
        prompt: STRUCTURED,
        output: Output.object({ schema: Place }),
      });
      return { value: await result.output };
    },
  };
}

await main(
  Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, casesOf(make)])),
);
