/**
 * Programs of ports, compiled once for all ports that differ in nothing but their address and their number: on a switch of a thousand
 * ports most do. Each port has a program of its own nevertheless, with its own address and its own maps in it.
 */
import { ProgramTemplate } from "../../../ebpf/index.ts";
import { macWord } from "../mac.ts";
import { type CompiledProgram, compilePort } from "./compile-port.ts";
import type { PortShape } from "./port-shape.ts";

/** A program of one port, but for the numbers of its maps. */
export interface PortProgram {
  readonly maps: readonly string[];
  readonly units: readonly string[];
  /** @param mapNumbers descriptors, where it is loaded */
  assemble(mapNumbers: ReadonlyMap<string, number>): Buffer;
}

export interface PortPrograms {
  readonly ingress: PortProgram;
  readonly egress?: PortProgram;
  readonly xdp?: PortProgram;
}

interface Template {
  readonly units: readonly string[];
  readonly template: ProgramTemplate;
}

/** More kinds of ports than a host has; a firewall of a thousand rules is some hundred KiB of them. */
const TEMPLATES_MAX = 100;

export class PortTemplates {
  readonly #templates = new Map<string, { readonly ingress: Template; readonly egress?: Template; readonly xdp?: Template }>();

  programsOf(shape: PortShape): PortPrograms {
    const constants = constantsOf(shape);
    const { ingress, egress, xdp } = this.#templateOf(shape);
    const withConstants = ({ units, template }: Template): PortProgram => ({
      maps: template.maps,
      units,
      assemble: (mapNumbers) => template.assemble(constants, mapNumbers),
    });
    return {
      ingress: withConstants(ingress),
      ...(egress && { egress: withConstants(egress) }),
      ...(xdp && { xdp: withConstants(xdp) }),
    };
  }

  #templateOf(shape: PortShape) {
    const kind = kindOf(shape);
    const known = this.#templates.get(kind);
    if (known !== undefined) return known;
    const { ingress, egress, xdp } = compilePort(shape);
    const made = { ingress: templateOf(ingress), ...(egress && { egress: templateOf(egress) }), ...(xdp && { xdp: templateOf(xdp) }) };
    if (this.#templates.size === TEMPLATES_MAX) this.#templates.clear();
    this.#templates.set(kind, made);
    return made;
  }
}

/** What is another constant in a port's program, and makes no other program. */
function constantsOf(shape: PortShape): Readonly<Record<string, bigint>> {
  if (shape.kind !== "guest") return {};
  const { sourceMac, number } = shape;
  return { number: BigInt(number), ...(sourceMac !== undefined && { sourceMac: macWord(sourceMac) << 16n }) };
}

function kindOf(shape: PortShape): string {
  if (shape.kind !== "guest") return JSON.stringify(shape);
  return JSON.stringify({ ...shape, number: 0, sourceMac: shape.sourceMac === undefined });
}

function templateOf({ program, units }: CompiledProgram): Template {
  return { units, template: new ProgramTemplate(program) };
}
