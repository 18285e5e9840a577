// The official Google Gen AI library for Node.

import { GoogleGenAI } from "@google/genai";
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

const models = (at) =>
  new GoogleGenAI({ apiKey: at.key, httpOptions: { baseUrl: at.url } }).models;
const used = ({ usageMetadata: usage }) => ({
  input_tokens: usage.promptTokenCount,
  output_tokens: usage.candidatesTokenCount,
});
const { name, description, parameters: parametersJsonSchema } = TOOL;
const config = { tools: [{ functionDeclarations: [{ name, description, parametersJsonSchema }] }] };

async function talk(at, ask) {
  const calls = new Calls();
  const contents = [{ role: "user", parts: [{ text: TOOLS }] }];
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const parts = await ask(models(at), { model: at.model, contents, config });
    const made = parts.filter((part) => part.functionCall).map((part) => part.functionCall);
    if (!made.length) {
      return { text: parts.map((part) => part.text ?? "").join(""), calls: calls.made };
    }
    const results = made.map(({ id, name, args }) => ({
      functionResponse: { id, name, response: { output: calls.run(name, args) } },
    }));
    contents.push({ role: "model", parts }, { role: "user", parts: results });
  }
  throw new Error("it never ends");
}

const partsOf = (answer) => answer.candidates?.[0]?.content?.parts ?? [];

const gemini = {
  async text(at) {
    const answer = await models(at).generateContent({ model: at.model, contents: TEXT });
    return { text: answer.text, ...used(answer) };
  },
  async stream(at) {
    const pieces = [];
    let last;
    const asked = { model: at.model, contents: TEXT };
    for await (const chunk of await models(at).generateContentStream(asked)) {
      if (chunk.text) pieces.push(chunk.text);
      last = chunk;
    }
    return { text: pieces.join(""), pieces: pieces.length, ...used(last) };
  },
  tools: (at) => talk(at, async (api, body) => partsOf(await api.generateContent(body))),
  "tools, streamed": (at) =>
    talk(at, async (api, body) => {
      const parts = [];
      for await (const chunk of await api.generateContentStream(body)) parts.push(...partsOf(chunk));
      return parts;
    }),
  async image(at) {
    const picture = { inlineData: { mimeType: "image/png", data: PNG_BASE64 } };
    const contents = [{ text: IMAGE }, picture];
    return { text: (await models(at).generateContent({ model: at.model, contents })).text };
  },
  async structured(at) {
    const answer = await models(at).generateContent({
      model: at.model,
      contents: STRUCTURED,
      config: { responseMimeType: "application/json", responseJsonSchema: FORM },
    });
    return { value: JSON.parse(answer.text) };
  },
};

await main({ "google-genai-node generateContent": gemini });
