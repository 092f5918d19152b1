import { expect, test } from "vitest";
import { encodeResponse, fault, NEWEST_VERSION } from "../../wire/index.ts";
import { collectorOf, rename, VM, vmsIn, watch } from "./collector.fixture.ts";
import { smallHost } from "./source-in-memory.ts";

const encode = (method: string, returnType: string, returnValue: unknown) =>
  Buffer.from(encodeResponse({ method, returnType, returnValue, version: NEWEST_VERSION })).toString();
const refusal = fault("NoPermission", "denied", { object: VM, privilegeId: "System.Read" });

test("whatever a retrieval answers is what the schema says", () => {
  const source = smallHost();
  source.refuse("2", refusal);
  const pathSet = [
    "name",
    "parent",
    "summary.runtime.powerState",
    "config.hardware.device[4000].deviceInfo",
    'config.extraConfig["guestinfo.b"].value',
  ];
  const objects = collectorOf(source).retrieveProperties([
    vmsIn([{ type: "VirtualMachine", pathSet: [...pathSet, "config.extraConfig", "config.cpuFeatureMask"] }]),
  ]);
  const xml = encode("RetrieveProperties", "ObjectContent[]", objects);
  expect(xml).toContain('<name>summary.runtime.powerState</name><val xsi:type="VirtualMachinePowerState">poweredOff</val>');
  expect(xml).toContain('<name>parent</name><val type="Folder" xsi:type="ManagedObjectReference">vm</val>');
  expect(xml).toContain('<val xsi:type="ArrayOfOptionValue"><OptionValue xsi:type="OptionValue">');
  expect(xml).toContain('<missingSet><path>name</path><fault><fault xsi:type="NoPermission">');
});

test("whatever an update tells is what the schema says", () => {
  const source = smallHost();
  const collector = collectorOf(source);
  collector.createFilter(watch(VM, "name", "config.extraConfig", 'config.extraConfig["guestinfo.b"]'), true);
  collector.createFilter({ ...watch({ type: "VirtualMachine", value: "9" }, "name"), reportMissingObjectsInResults: true }, false);
  const first = collector.checkForUpdates("");
  expect(encode("CheckForUpdates", "UpdateSet", first)).toContain("<missingSet><obj");
  rename(source, "1", "renamed");
  source.put("VirtualMachine", "1", { config: { extraConfig: [] } });
  const second = collector.checkForUpdates(first?.version);
  expect(encode("CheckForUpdates", "UpdateSet", second)).toContain('<name>config.extraConfig["guestinfo.b"]</name><op>remove</op>');
  source.refuse("1", refusal);
  source.remove("9");
  source.changes.changed(VM);
  expect(encode("CheckForUpdates", "UpdateSet", collector.checkForUpdates(second?.version))).toContain("<kind>modify</kind>");
});
