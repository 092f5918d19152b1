/** What the programs of a port are made of, as the kernel has them: for people who want to see what a frame meets. */
import { closeSync } from "node:fs";
import { disassemble } from "../ebpf/index.ts";
import { mapFdById, mapInfo, programFdById, programInfo } from "../system/index.ts";
import type { PortDescription, PortProgram } from "./network/index.ts";

export function listPrograms({ programs }: PortDescription): readonly string[] {
  return programs.flatMap(listProgram);
}

function listProgram({ id, direction, tag, units }: PortProgram): readonly string[] {
  const fd = programFdById(id);
  if (fd === undefined) return [`${direction}: program ${id} has been replaced meanwhile`];
  try {
    const { mapIds, instructions } = programInfo(fd);
    return [
      `${direction}: program ${id}, tag ${tag}, ${instructions.length / INSTRUCTION_BYTES} instructions`,
      `  units: ${units.join(", ")}`,
      `  maps: ${mapIds.map((map) => `${map} ${nameOfMap(map)}`).join(", ")}`,
      ...disassemble(instructions, new Map(mapIds.map((map) => [map, nameOfMap(map)]))),
    ];
  } finally {
    closeSync(fd);
  }
}

const INSTRUCTION_BYTES = 8;

function nameOfMap(id: number): string {
  const fd = mapFdById(id);
  if (fd === undefined) return "?";
  try {
    return mapInfo(fd).name;
  } finally {
    closeSync(fd);
  }
}
