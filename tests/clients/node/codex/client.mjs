// Codex without a terminal: `codex exec`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inFolder, lines } from "./command.mjs";
import { FORM, IMAGE, STRUCTURED, TEXT, main } from "./talk.mjs";

const config = (at) => `
model = "${at.model}"
model_provider = "sluicegate"

[model_providers.sluicegate]
name = "sluicegate"
base_url = "${at.url}/v1"
env_key = "SLUICEGATE_KEY"
wire_api = "responses"
`;

/** What it did and said for one prompt. */
async function ask(at, folder, prompt, ...options) {
  writeFileSync(join(folder, "config.toml"), config(at));
  const told = await lines(
    "codex",
    [
      ...["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"],
      ...[...options, "--", prompt],
    ],
    folder,
    { CODEX_HOME: folder, SLUICEGATE_KEY: at.key },
  );
  const items = told.filter((line) => line.type === "item.completed").map((line) => line.item);
  const text = items.findLast((item) => item.type === "agent_message")?.text;
  if (text === undefined) throw new Error(JSON.stringify(told));
  const outputs = items
    .filter((item) => item.type === "command_execution")
    .map((item) => item.aggregated_output);
  return { text, outputs };
}

const call = (name, given) => `Call ${name} with ${JSON.stringify(given)}`;

const codex = {
  text: (at) => inFolder((folder) => ask(at, folder, TEXT)),
  shell: (at) =>
    inFolder((folder) =>
      ask(
        at,
        folder,
        `${call("exec_command", { cmd: "echo $((6 * 7)) is seen" })}\n` +
          `Then ${call("exec_command", { cmd: "cat note.txt" })}`,
      ),
    ),
  image: (at) =>
    inFolder((folder) => ask(at, folder, IMAGE, "--image", join(folder, "picture.png"))),
  structured: (at) =>
    inFolder(async (folder) => {
      const form = join(folder, "form.json");
      writeFileSync(form, JSON.stringify(FORM));
      const { text } = await ask(at, folder, STRUCTURED, "--output-schema", form);
      return { value: JSON.parse(text) };
    }),
};

await main({ "Codex CLI": codex });
