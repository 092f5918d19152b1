/**
 * The lines of a log that a client asks for, by their numbers. Pure. Source: vim25 BrowseDiagnosticLog; lines count from 1.
 * Logs hold what guests, monitors and strangers wrote: a line is cut, and what no XML can carry is taken out of it.
 */
import type { DiagnosticManagerLogHeader } from "../../wire/index.ts";

/** ESXi's own bound; clients come back for the rest. */
export const LINES_MAX = 1000;
const LINE_CHARACTERS_MAX = 4096;

/**
 * @param start undefined begins with the first line; past the end there are none, and the answer says where the end is
 * @param count undefined asks for as many as there may be
 * @returns `lineEnd` is the log's last line, so that a client knows how much there is
 */
export function pickLines(lines: readonly string[], start: number | undefined, count: number | undefined): DiagnosticManagerLogHeader {
  const first = Math.max(1, start ?? 1);
  const wanted = Math.max(0, Math.min(count ?? LINES_MAX, LINES_MAX));
  const lineText = lines.slice(first - 1, first - 1 + wanted).map(cleanLine);
  return { lineStart: first, lineEnd: lines.length, lineText };
}

/** What has no line end yet is being written, and is no line. */
export function splitLines(text: string, only?: RegExp): readonly string[] {
  const lines = text.split("\n").slice(0, -1);
  return only === undefined ? lines : lines.filter((line) => only.test(line));
}

/** A line of hostd's own log. What others chose of it, as names and messages, cannot make a second line. */
export function formatLogLine(nowMs: number, text: string): string {
  return `${new Date(nowMs).toISOString()} ${cleanLine(text.replaceAll("\n", " "))}`;
}

function cleanLine(line: string): string {
  // XML 1.0 §2.2: of the control characters only tab and line ends may be in a document, and no surrogate alone
  return line.slice(0, LINE_CHARACTERS_MAX).replace(/[^\t\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
}
