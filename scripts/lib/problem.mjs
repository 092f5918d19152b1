/** Something that the person who runs a script can put right: its message is one line, shown without a stack. */
export class Problem extends Error {}

/** Runs a script, and ends the process with what it came to. */
export async function runScript(script) {
  process.env.PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`; // a root by plain `su` has neither, and dpkg will not work without
  try {
    process.exitCode = (await script()) ?? 0;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(`bulkhead: ${error.message}`);
    process.exitCode = 1;
  }
}
