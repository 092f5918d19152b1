import { expect, test } from "vitest";
import { systemClock, type VmId } from "../../base/index.ts";
import type { VirtualMachineMksConnection } from "../../wire/index.ts";
import { Consoles } from "../console/consoles.ts";
import { Sessions } from "../sessions.ts";
import type { Vm } from "../vm.ts";
import { endSessionsOf } from "./end-sessions.ts";

const VM = "1" as VmId;
const client = { address: "127.0.0.1", userAgent: "test" };

test("a user's sessions and consoles end, and nobody else's", () => {
  const sessions = new Sessions(systemClock, () => ({ idleMs: 60_000, sessionsMax: 10 }));
  const consoles = new Consoles(systemClock);
  const ended: string[] = [];
  for (const userName of ["anna", "anna", "bob"]) {
    sessions.open({ name: userName, fullName: "" }, client);
    const connection: VirtualMachineMksConnection = { $type: "VirtualMachineMksConnection", label: "", client: "", userName };
    consoles.add(VM, { connection, end: () => void ended.push(userName) });
  }
  endSessionsOf({ sessions, consoles, vms: { list: () => [{ id: VM } as Vm] } as never }, "anna");
  expect(sessions.list().map(({ userName }) => userName)).toEqual(["bob"]);
  expect(ended).toEqual(["anna", "anna"]);
});
