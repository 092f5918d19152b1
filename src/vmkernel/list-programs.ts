/** What the programs of a port are made of, as the kernel has them: for people who want to see what a frame meets. */
import { disassemble } from "../ebpf/index.ts";
import { mapInfo, programInfo, withMap, withProgram } from "../system/index.ts";
import type { PortDescription, PortProgram } from "./network/index.ts";

export function listPrograms({ programs }: PortDescription): readonly string[] {
  return programs.flatMap(listProgram);
}

function listProgram({ id, direction, tag, units }: PortProgram): readonly string[] {
  const info = withProgram(id, programInfo);
  if (info === undefined) return [`${direction}: program ${id} has been replaced meanwhile`];
  const names = new Map(info.mapIds.map((map) => [map, withMap(map, mapInfo)?.name ?? "?"]));
  return [
    `${direction}: program ${id}, tag ${tag}, ${info.instructions.length / INSTRUCTION_BYTES} instructions`,
    `  units: ${units.join(", ")}`,
    `  maps: ${[...names].map((map) => map.join(" ")).join(", ")}`,
    ...disassemble(info.instructions, names),
  ];
}

const INSTRUCTION_BYTES = 8;
