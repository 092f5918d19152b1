export { SKB, SKB_BYTES, TC_ACT, XDP_ACTION, XDP_MD, XDP_MD_BYTES } from "./context.ts";
export { decodeInstructions, MalformedProgram, type MapNames } from "./decode.ts";
export { disassemble } from "./disassemble.ts";
export { assembleProgram } from "./encode.ts";
export { HELPERS, type HelperName } from "./helpers.ts";
export type { Bits, Condition, Instruction, Operand, Program, Register, Width } from "./instruction.ts";
export { ProgramBuilder } from "./program-builder.ts";
export { ProgramTemplate } from "./template.ts";
