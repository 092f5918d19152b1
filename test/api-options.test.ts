import { expect, test } from "vitest";
import { moRef, SERVICE_INSTANCE } from "../src/interfaces/index.ts";
import type { MoRef, OptionDef, OptionValue } from "../src/wire/index.ts";
import { faultOf, startAgent, useAgent } from "./agent.fixture.ts";
import { read } from "./vm.ts";

/** Advanced settings: what is set is kept, and the host does it. */
const SETTINGS = moRef("OptionManager", "HostAgentSettings");
const ADVANCED = moRef("OptionManager", "ha-adv-options");
const TIMEOUT = "Config.HostAgent.vmacore.soap.sessionTimeout";
const READ_ONLY = -2;
const MINUTE_MS = 60_000;
const { host, client } = await useAgent();

const set = (manager: MoRef<"OptionManager">, key: string, value: OptionValue["value"], by = client) =>
  by.call(manager, "UpdateOptions", { changedValue: [{ key, value }] });
const minutes = (value: number) => ({ anyType: "int", value }) as const;

test("the host and its agent show the same settings, each with its bounds", async () => {
  const { advancedOption } = (await read(client, moRef("HostSystem", "ha-host"), "configManager")) as { advancedOption: MoRef };
  expect(advancedOption).toEqual(ADVANCED);
  expect((await client.call(SERVICE_INSTANCE, "RetrieveServiceContent", {})).setting).toEqual(SETTINGS);
  const shown = (await client.call(ADVANCED, "QueryOptions", {})) ?? [];
  expect(await client.call(SETTINGS, "QueryOptions", {})).toEqual(shown);
  const defs = (await read(client, ADVANCED, "supportedOption")) as readonly OptionDef[];
  expect(defs.map(({ key }) => key)).toEqual(shown.map(({ key }) => key));
});

test("a session ends after the timeout that is set, also in the next host agent", async () => {
  const first = await startAgent();
  await using admin = await first.login();
  await set(ADVANCED, TIMEOUT, minutes(2), admin);
  await using idle = await first.login();
  first.later(2 * MINUTE_MS + 1);
  expect((await faultOf(idle.call(SERVICE_INSTANCE, "CurrentTime", {}))).fault).toBe("NotAuthenticated");
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder);
  await using again = await second.login();
  expect(await again.call(SETTINGS, "QueryOptions", { name: TIMEOUT })).toMatchObject([{ value: { anyType: "int", value: 2 } }]);
  await second.stop();
});

test("no more sessions are opened than the setting allows", async () => {
  await using small = { host: await startAgent(), [Symbol.asyncDispose]: () => small.host.stop() };
  await using admin = await small.host.login();
  await set(SETTINGS, "Config.HostAgent.vmacore.soap.maxSessionCount", minutes(10), admin);
  const others = await Promise.all(Array.from({ length: 9 }, () => small.host.login()));
  // Login declares no fault of resources: it answers the nearest that it may.
  expect(await faultOf(small.host.login())).toMatchObject({ fault: "InvalidRequest", message: expect.stringContaining("session") });
  for (const other of others) other.close();
});

test.each([
  ["that there is not", "UserVars.None", minutes(1), "InvalidName"],
  ["out of its bounds", TIMEOUT, minutes(0), "InvalidArgument"],
  ["to a text", TIMEOUT, { anyType: "string", value: "5" } as const, "InvalidArgument"],
])("setting an option %s is refused by name", async (_, key, value, fault) => {
  expect((await faultOf(set(ADVANCED, key, value))).fault).toBe(fault);
});

test("asking for an option that there is not is refused by name", async () => {
  expect(await faultOf(client.call(ADVANCED, "QueryOptions", { name: "Net.None" }))).toMatchObject({ fault: "InvalidName" });
});

test("who may only read changes no setting", async () => {
  await using reader = await host.login(READ_ONLY);
  const faults = [await faultOf(set(SETTINGS, TIMEOUT, minutes(9), reader)), await faultOf(set(ADVANCED, TIMEOUT, minutes(9), reader))];
  expect(faults.map(({ fault, fields }) => [fault, fields.privilegeId])).toEqual([
    ["NoPermission", "Global.Settings"],
    ["NoPermission", "Host.Config.AdvancedConfig"],
  ]);
});
