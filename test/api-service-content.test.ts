import { expect, test } from "vitest";
import { moRef, SERVICE_INSTANCE } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";

/** The managers that a client finds first: each is there and can be read whole; those that ESXi has not are unset here too. */
const COLLECTOR = moRef("PropertyCollector", "ha-property-collector");
const UNSET_ON_A_HOST = ["alarmManager", "scheduledTaskManager", "extensionManager", "customFieldsManager", "customizationSpecManager"];
const { client } = await useAgent();

const isRef = (value: unknown): value is MoRef => typeof value === "object" && value !== null && "type" in value && "value" in value;

test("every manager that the service content names can be read with all of its properties", async () => {
  const content = await client.call(SERVICE_INSTANCE, "RetrieveServiceContent", {});
  const managers = [SERVICE_INSTANCE, ...Object.values(content).filter(isRef)];
  expect(managers.length).toBeGreaterThan(20);
  for (const obj of managers) {
    const specSet = [{ propSet: [{ type: obj.type, all: true }], objectSet: [{ obj }] }];
    const found = await client.call(COLLECTOR, "RetrievePropertiesEx", { specSet, options: {} });
    expect(found?.objects[0]?.obj, obj.value).toMatchObject(obj);
    expect(found?.objects[0]?.missingSet ?? [], obj.value).toEqual([]);
  }
});

test("what a standalone host has not is unset", async () => {
  const content: object = await client.call(SERVICE_INSTANCE, "RetrieveServiceContent", {});
  for (const name of UNSET_ON_A_HOST) expect(content, name).not.toHaveProperty(name);
});

test("methods of objects are not disabled by clients: they are told so by name", async () => {
  const call = client.call as (ref: MoRef, method: string, args: object) => Promise<unknown>;
  const entity = [moRef("Folder", "ha-folder-vm")];
  const args = { entity, method: [{ method: "CreateVM_Task", reasonId: "backup" }], sourceId: "test" };
  const fault = await faultOf(call.call(client, moRef("AuthorizationManager", "ha-authmgr"), "DisableMethods", args));
  expect(fault).toMatchObject({ fault: "NotSupported", message: expect.stringContaining("AuthorizationManager.DisableMethods") });
});

test.each([["ServiceInstance", "ServiceInstance", "RetrieveInternalContent"]] as const)(
  "%s %s is asked for what it has not by %s, and says so by name",
  async (type, moid, method) => {
    const call = client.call as (ref: MoRef, method: string, args: object) => Promise<unknown>;
    const fault = await faultOf(call.call(client, moRef(type, moid), method, {}));
    expect(fault).toMatchObject({ fault: "NotSupported", message: expect.stringContaining(`${type}.${method} `) });
  },
);
