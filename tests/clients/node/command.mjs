// Command-line agents: one run in a folder of its own, and the lines of JSON that it printed.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG_BASE64 } from "./talk.mjs";

const LIMIT_MS = 120000;

/** A home and a place to work in, with a note and a picture; `use` gets the folder. */
export async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), "agent-"));
  writeFileSync(join(folder, "note.txt"), "the note says 9K4\n");
  writeFileSync(join(folder, "picture.png"), Buffer.from(PNG_BASE64, "base64"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The lines that a program of this folder's packages printed; fails if it did. */
export function lines(program, args, folder, environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(import.meta.dirname, "node_modules/.bin", program), args, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
    });
    let out = "";
    let errors = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (errors += data));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0) reject(new Error(`${program}: exit ${code}\n${out.slice(-1500)}${errors.slice(-1500)}`));
      else resolve(out.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)));
    });
  });
}
