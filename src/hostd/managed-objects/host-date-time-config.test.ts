import { expect, test } from "vitest";
import type { HostDateTimeConfig } from "../../wire/index.ts";
import { fieldToChange } from "./host-date-time.ts";

test.each<[HostDateTimeConfig, string | undefined]>([
  [{}, undefined],
  [{ timeZone: "UTC" }, undefined],
  [{ timeZone: "UTC", ntpConfig: { server: [] } }, undefined],
  [{ timeZone: "Europe/Berlin" }, "its time zone"],
  [{ ntpConfig: { server: ["10.0.0.1"] } }, "its time servers"],
  [{ ntpConfig: { configFile: ["server 10.0.0.1"] } }, "its time servers"],
  [{ ptpConfig: { domain: 0 } }, "its PTP ports"],
  [{ enabled: false }, "its time service (enabled)"],
  [{ resetToFactoryDefaults: true }, "its time service (resetToFactoryDefaults)"],
])("%j would change %s", (config, field) => expect(fieldToChange(config, "UTC")).toBe(field));
