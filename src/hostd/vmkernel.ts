/** vmkernel as hostd uses it: typed requests, and what happens when the connection is lost. */
import type { Socket } from "node:net";
import type { Controls, StreamRequest, VmkernelEvent, VmkernelRequest, VmkernelResults } from "../vmkernel/index.ts";

export interface Vmkernel {
  /** @throws Fault as vmkernel gave it; ConnectionLost when vmkernel went away and nobody knows what became of the request */
  request<R extends VmkernelRequest>(request: R, controls?: Partial<Controls>): Promise<VmkernelResults[R["kind"]]>;
  /** A connection of its own, which whoever gets it ends. @throws as `request` does */
  openStream(request: StreamRequest): Promise<Socket>;
  onEvent(listener: (event: VmkernelEvent) => void): () => void;
  /** Called each time the connection is there again after it was lost. */
  onReconnect(listener: () => void): () => void;
}
