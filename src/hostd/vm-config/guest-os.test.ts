import { expect, test } from "vitest";
import { enumType } from "../../wire/index.ts";
import { formatGuestOs, guestFamily, guestFullName, isGuestOsId, parseGuestOs } from "./guest-os.ts";

const ids = [...enumType("VirtualMachineGuestOsIdentifier").values].filter(isGuestOsId);

test("every guest id of the schema has a name of its own, and its .vmx spelling is read back", () => {
  expect(ids.length).toBe(enumType("VirtualMachineGuestOsIdentifier").values.size);
  expect(new Set(ids.map(guestFullName)).size).toBe(ids.length);
  for (const id of ids) expect([id, parseGuestOs(formatGuestOs(id))]).toEqual([id, id]);
});

test.each([
  ["debian12_64Guest", "debian12-64", "Debian GNU/Linux 12 (64-bit)", "linuxGuest"],
  ["ubuntu64Guest", "ubuntu-64", "Ubuntu Linux (64-bit)", "linuxGuest"],
  ["other5xLinux64Guest", "other5xlinux-64", "Other 5.x Linux (64-bit)", "linuxGuest"],
  ["windows2019srv_64Guest", "windows2019srv-64", "Microsoft Windows Server 2019 (64-bit)", "windowsGuest"],
  ["windows9Server64Guest", "windows9srv-64", "Microsoft Windows Server 2016 (64-bit)", "windowsGuest"],
  ["otherGuest64", "other-64", "Other (64-bit)", "otherGuestFamily"],
  ["otherGuest", "other", "Other (32-bit)", "otherGuestFamily"],
  ["freebsd13_64Guest", "freebsd13-64", "FreeBSD 13 (64-bit)", "otherGuestFamily"],
  ["vmkernel7Guest", "vmkernel7", "VMware ESXi 7.x", "otherGuestFamily"],
  ["darwin20_64Guest", "darwin20-64", "Apple macOS 11 (64-bit)", "darwinGuestFamily"],
  ["solaris11_64Guest", "solaris11-64", "Oracle Solaris 11 (64-bit)", "solarisGuest"],
] as const)("%s", (id, written, name, family) => {
  expect([formatGuestOs(id), guestFullName(id), guestFamily(id)]).toEqual([written, name, family]);
});

test.each([
  ["", undefined],
  ["debian99-64", undefined],
  ["__proto__", undefined],
  ["toString", undefined],
  ["DEBIAN12-64", "debian12_64Guest"],
  ["debian12_64Guest", "debian12_64Guest"],
])("guestOS %j is read as %s", (text, id) => {
  expect(parseGuestOs(text)).toBe(id);
});
