/** What the kernel's verifier writes about a program, made readable. Pure. Source: Linux kernel/bpf/verifier.c, print_verification_stats. */

/** Enough to see how it came to the instruction that it refused. */
const LINES_MAX = 20;
/** Statistics that stand behind the reason. */
const STATISTICS = /^(processed \d+ insns|verification time|stack depth|insns processed)/;
/** Of what the program does: "12: (95) exit", "from 3 to 12: R0=0". */
const INSTRUCTION = /^(\d+|from \d+ to \d+): /;

export interface VerifierLog {
  /** "R0 !read_ok": what it wrote after the last instruction; undefined when it wrote nothing, so that it was not it who refused. */
  readonly reason: string | undefined;
  /** The last lines, the reason among them. */
  readonly lines: readonly string[];
}

/** @param bytes the buffer that the kernel wrote to: text up to a zero byte */
export function readVerifierLog(bytes: Buffer): VerifierLog {
  const end = bytes.indexOf(0);
  const lines = bytes
    .toString("latin1", 0, end === -1 ? bytes.length : end)
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const said = lines.filter((line) => !STATISTICS.test(line));
  const reason = said.slice(said.findLastIndex((line) => INSTRUCTION.test(line)) + 1);
  return { reason: reason.length > 0 ? reason.join("; ") : said.at(-1), lines: lines.slice(-LINES_MAX) };
}
