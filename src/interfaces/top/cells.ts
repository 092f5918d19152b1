/** Text on a grid of cells, as a terminal has them: what is wide takes two, what is put on another takes none. Pure. */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;

function widthOf(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Names come from clients and go to a terminal: what would move its cursor is shown as a question mark. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

/** @returns the text in just `width` cells: cut, or filled with blanks on its right or, where `isRight`, on its left */
export function fill(text: string, width: number, isRight = false): string {
  let cells = 0;
  let kept = "";
  for (const character of text) {
    const next = cells + widthOf(character);
    if (next > width) break;
    kept += character;
    cells = next;
  }
  const blanks = " ".repeat(Math.max(0, width - cells));
  return isRight ? blanks + kept : kept + blanks;
}

/** @returns the text in at most `width` cells, without blanks at its end */
export function cut(text: string, width: number): string {
  return fill(text, width).trimEnd();
}
