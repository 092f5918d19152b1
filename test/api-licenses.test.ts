import { expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { LicenseManagerLicenseInfo } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { read } from "./vm.ts";

/** What clients ask about licences before they work with a host: it is free, says so, and takes no keys. */
const LICENSES = moRef("LicenseManager", "ha-license-manager");
const OTHER_KEY = "HN2X0-0DH5M-M78Q1-780HH-CN214";
const READ_ONLY = -2;
const { host, client } = await useAgent();

test("the host has one licence, which ends never and is counted by nobody", async () => {
  const licenses = (await read(client, LICENSES, "licenses")) as LicenseManagerLicenseInfo[];
  expect(licenses).toHaveLength(1);
  expect(licenses[0]).toMatchObject({ editionKey: "bulkhead.apache-2.0", total: 0 });
  expect(await read(client, LICENSES, "evaluation")).toMatchObject({});
  const key = licenses[0]?.licenseKey ?? "";
  expect(await client.call(LICENSES, "DecodeLicense", { licenseKey: key })).toMatchObject({ licenseKey: key });
  expect(await client.call(LICENSES, "UpdateLicense", { licenseKey: key })).toMatchObject({ licenseKey: key });
  expect(await client.call(LICENSES, "QueryLicenseUsage", {})).toMatchObject({ sourceAvailable: true });
});

test("the service content and the host's own managers name the same licence manager", async () => {
  const content = await client.call(moRef("ServiceInstance", "ServiceInstance"), "RetrieveServiceContent", {});
  expect(content.licenseManager).toMatchObject(LICENSES);
  expect(await read(client, moRef("HostSystem", "ha-host"), "configManager")).toMatchObject({ licenseManager: LICENSES });
});

test.each(["DecodeLicense", "AddLicense", "UpdateLicense", "RemoveLicense"] as const)("%s refuses a key by name", async (method) => {
  expect(await faultOf(client.call(LICENSES, method, { licenseKey: OTHER_KEY }))).toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty: "licenseKey" },
  });
});

test("nothing about the licence is kept or taken away", async () => {
  const licenseKey = "00000-00000-00000-00000-00000";
  const labels = [{ key: "a", value: "b" }];
  expect((await faultOf(client.call(LICENSES, "RemoveLicense", { licenseKey }))).fault).toBe("NotSupported");
  expect((await faultOf(client.call(LICENSES, "UpdateLicense", { licenseKey, labels }))).fault).toBe("NotSupported");
  expect((await faultOf(client.call(LICENSES, "EnableFeature", { featureKey: "drs" }))).fault).toBe("NotSupported");
});

test("who may only read sees the licence and enters none", async () => {
  await using reader = await host.login(READ_ONLY);
  expect(await read(reader, LICENSES, "licenses")).toHaveLength(1);
  expect((await faultOf(reader.call(LICENSES, "AddLicense", { licenseKey: OTHER_KEY }))).fault).toBe("NoPermission");
});
