// What every Node client is asked, and how it tells what it saw: a line of JSON for each case.
// The same as `python/talk.py`; copied beside the client, where its packages are.

import { readFileSync } from "node:fs";

const said = JSON.parse(readFileSync(new URL("conversation.json", import.meta.url), "utf8"));
export const TEXT = said.text;
export const TOOLS = said.tools;
export const IMAGE = said.image;
export const STRUCTURED = said.structured;
export const TOOL = said.tool;
export const PLACE = said.place;
export const FORM = said.form;
export const PNG_BASE64 = said.png_base64;
export const PNG_URL = `data:image/png;base64,${PNG_BASE64}`;
/** A conversation that does not end ends here. */
export const MAX_TURNS = 6;

/** The tool, and what it was called with. */
export class Calls {
  made = [];

  run(name, { city, days }) {
    if (name !== TOOL.name) throw new Error(`no tool ${name}`);
    this.made.push({ city, days });
    return `rain for ${days} days in ${city}`;
  }
}

/** Runs every case of every client, `{name: {case: async (at) => saw}}`, with every model. */
export async function main(clients) {
  const [url, ...models] = process.argv.slice(2);
  const key = process.env.SLUICEGATE_KEY;
  for (const [client, cases] of Object.entries(clients)) {
    for (const model of models) {
      for (const [name, run] of Object.entries(cases)) {
        const told = { client, model, case: name };
        try {
          told.saw = await run({ url, key, model });
        } catch (error) {
          told.failed = String(error?.stack ?? error).slice(0, 3000);
        }
        console.log(JSON.stringify(told));
      }
    }
  }
}
