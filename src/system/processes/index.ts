export * from "./describe.ts";
export * from "./find.ts";
export { filesOfPrograms } from "./libraries.ts";
export type { CapabilitySets, CgroupMembership, IdRange, Ids, MappedFile } from "./parse-proc.ts";
export * from "./process-ref.ts";
export * from "./sees.ts";
export * from "./start.ts";
export * from "./terminate.ts";
export * from "./threads.ts";
