/** Shows what is being done and for how long, a line a step; what commands say is kept in a log and shown when one fails. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Problem } from "./problem.mjs";
import { REPOSITORY } from "./repository.mjs";

const LOG = `${REPOSITORY}/.cache/setup.log`;
const STILL_MS = 15_000; // silence for longer than that looks like a hang
const SHOWN_LINES = 25;

const started = performance.now();
const seconds = () => ((performance.now() - started) / 1000).toFixed(1).padStart(5);

export function say(line) {
  console.log(`[${seconds()} s] ${line}`);
}

export function startLog() {
  mkdirSync(dirname(LOG), { recursive: true });
  writeFileSync(LOG, "");
}

/**
 * Runs a command whose output only matters when it fails.
 * @param {string} what it does, for people
 * @param {string[]} command
 * @param {{ env?: Record<string, string>, hint?: string }} [options] `hint`: what to do when it fails
 */
export async function runQuietly(what, [program, ...args], { env = {}, hint } = {}) {
  say(what);
  const from = readFileSync(LOG).length;
  appendFileSync(LOG, `$ ${[program, ...args].join(" ")}\n`);
  const still = setInterval(() => say(`${what}: still at it`), STILL_MS);
  const child = spawn(program, args, { cwd: REPOSITORY, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk) => appendFileSync(LOG, chunk));
  child.stderr.on("data", (chunk) => appendFileSync(LOG, chunk));
  const failure = await outcome(child);
  clearInterval(still);
  if (failure === undefined) return;
  const output = readFileSync(LOG).subarray(from).toString().trimEnd().split("\n");
  for (const line of output.slice(-SHOWN_LINES)) console.error(`  ${line}`);
  throw new Problem(`${what} failed (${failure}); all of its output is in ${LOG}${hint === undefined ? "" : `. ${hint}`}`);
}

/** Runs a command that speaks for itself. @returns its exit code */
export async function runShown([program, ...args], env = {}) {
  const child = spawn(program, args, { cwd: REPOSITORY, env: { ...process.env, ...env }, stdio: "inherit" });
  // A Ctrl-C is the command's to answer; we end when it has.
  const pass = (signal) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(signal === null ? (code ?? 0) : 1));
    });
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, pass);
  }
}

/** @returns {Promise<string | undefined>} why it failed */
function outcome(child) {
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : signal === null ? `exit code ${code}` : `ended by ${signal}`));
  });
}
