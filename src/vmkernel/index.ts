export type * from "./attachments.ts";
export type * from "./machine.ts";
export type * from "./rpc.ts";
