/**
 * Cuts a byte stream into lines, however it arrives in pieces, in bounded memory. Pure.
 * QMP, the guest agent and vmkernel's RPC each carry one JSON text a line.
 */

/** A line grew past the bound: its sender is broken or hostile, and the connection is to be closed. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #lineBytesMax: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /**
   * Takes the next piece of the stream.
   * @returns the lines that it completes, without their line ends; empty lines are left out
   * @throws {LineTooLong} as soon as the bound is passed, not when the line ends
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = Buffer.concat(this.#pending).toString("utf8").trim();
      this.#pending = [];
      this.#pendingBytes = 0;
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(piece: Buffer): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > this.#lineBytesMax) throw new LineTooLong(`a line is longer than ${this.#lineBytesMax} bytes`);
    // A copy: a piece is a view of the stream's whole buffer, and would keep all of it alive.
    this.#pending.push(Buffer.from(piece));
  }
}
