/** The measure of all: two taps, and nothing between them but a program that sends each frame out of the other one. */
import { closeSync } from "node:fs";
import { assembleProgram, ProgramBuilder } from "../../src/ebpf/index.ts";
import { attachTcx, linkIndex, loadProgram } from "../../src/system/index.ts";
import { Bay, type Forwarder } from "./forwarder.ts";

export function makeCable(): Forwarder {
  const bay = new Bay(2);
  const links: number[] = [];
  const remove = async () => {
    for (const fd of links.splice(0)) closeSync(fd);
    bay.remove();
  };
  try {
    bay.do(() => links.push(joinTo("t1", "t2"), joinTo("t2", "t1")));
    bay.bringUp();
  } catch (error) {
    void remove();
    throw error;
  }
  return { name: "cable", ends: bay.ends, remove };
}

function joinTo(from: string, to: string): number {
  const redirect = new ProgramBuilder().mov("r1", indexOf(to)).mov("r2", 0).call("redirect").exit().build();
  const program = loadProgram({ kind: "schedCls", code: assembleProgram(redirect, new Map()), name: "cable" });
  try {
    return attachTcx({ program, ifindex: indexOf(from), direction: "ingress" });
  } finally {
    closeSync(program);
  }
}

function indexOf(link: string): number {
  const index = linkIndex(link);
  if (index === undefined) throw new Error(`${link} is not there`);
  return index;
}
