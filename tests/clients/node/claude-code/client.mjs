// Claude Code without a terminal: `claude -p`.

import { join } from "node:path";
import { inFolder, lines } from "./command.mjs";
import { FORM, IMAGE, PLACE, TEXT, main } from "./talk.mjs";

/** What it did and said for one prompt. */
async function ask(at, folder, prompt, ...options) {
  const told = await lines(
    "claude",
    [
      ...["-p", prompt, "--model", at.model, "--output-format", "stream-json", "--verbose"],
      ...["--allowedTools", "Bash,Read", ...options],
    ],
    folder,
    {
      ANTHROPIC_BASE_URL: at.url,
      ANTHROPIC_AUTH_TOKEN: at.key,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", // to hosts other than the base URL
    },
  );
  const result = told.find((line) => line.type === "result");
  if (result?.subtype !== "success") throw new Error(JSON.stringify(result ?? told));
  const outputs = told
    .filter((line) => line.type === "user" && Array.isArray(line.message.content))
    .flatMap((line) => line.message.content)
    .filter((block) => block.type === "tool_result")
    .map((block) => JSON.stringify(block.content));
  return { text: result.result, outputs, value: result.structured_output };
}

const call = (name, given) => `Call ${name} with ${JSON.stringify(given)}`;

const code = {
  text: (at) => inFolder((folder) => ask(at, folder, TEXT)),
  shell: (at) =>
    inFolder((folder) =>
      ask(
        at,
        folder,
        `${call("Bash", { command: "echo $((6 * 7)) is seen", description: "Say it" })}\n` +
          `Then ${call("Read", { file_path: join(folder, "note.txt") })}`,
      ),
    ),
  image: (at) =>
    inFolder((folder) =>
      ask(at, folder, `${IMAGE} ${call("Read", { file_path: join(folder, "picture.png") })}`),
    ),
  structured: (at) =>
    inFolder((folder) =>
      ask(at, folder, call("StructuredOutput", PLACE), "--json-schema", JSON.stringify(FORM)),
    ),
};

await main({ "Claude Code": code });
