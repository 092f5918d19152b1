import { expect, test } from "vitest";
import { parseOvf, RESOURCE } from "../../wire/index.ts";
import { type ImportRequest, planImport } from "./plan-import.ts";

const request: ImportRequest = {
  entityName: "web",
  datastore: "ds",
  deploymentOption: "",
  diskProvisioning: "thin",
  networkMapping: new Map(),
  portGroups: ["VM Network", "dmz"],
  allowExtraConfig: false,
};

const fields = (values: Readonly<Record<string, string | number>>, attributes = "") =>
  `<Item ${attributes}>${Object.entries(values)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join("")}</Item>`;
const SCSI = fields({ InstanceID: 3, ResourceType: RESOURCE.scsi, ResourceSubType: "VirtualSCSI" });
const DISK = fields({ InstanceID: 4, ResourceType: RESOURCE.disk, Parent: 3, AddressOnParent: 0, HostResource: "ovf:/disk/d1" });

function packageWith({
  items = `${SCSI}${DISK}`,
  family = "vmx-13",
  os = 'ovf:id="101"',
  more = "",
  hardware = "",
  file = "",
  format = "vmdk.html#streamOptimized",
}) {
  return parseOvf(`<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
<References><File ovf:id="f1" ovf:href="disk.vmdk" ${file}/><File ovf:id="f2" ovf:href="cd.iso"/></References>
<DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="4096" ovf:format="${format}"/></DiskSection>
<NetworkSection><Network ovf:name="nat"/><Network ovf:name="dmz"/></NetworkSection>
${more}
<VirtualSystem ovf:id="vm"><OperatingSystemSection ${os}/>
<VirtualHardwareSection><System><VirtualSystemType>${family}</VirtualSystemType></System>${items}${hardware}</VirtualHardwareSection>
</VirtualSystem></Envelope>`);
}

const devicesOf = (items: string, changes: Partial<ImportRequest> = {}) =>
  (planImport(packageWith({ items }), { ...request, ...changes }).configSpec.deviceChange ?? []).map(
    ({ device }) => device as unknown as { readonly backing: { readonly deviceName: string } },
  );

test("a disk hangs where the package says, is made as the client says, and its file is known by its place", () => {
  const { configSpec, fileItems } = planImport(packageWith({}), request);
  expect(configSpec).toMatchObject({ name: "web", version: "vmx-13", guestId: "otherLinux64Guest", files: { vmPathName: "[ds]" } });
  expect(configSpec.deviceChange).toMatchObject([
    { device: { $type: "ParaVirtualSCSIController", busNumber: 0 } },
    { fileOperation: "create", device: { unitNumber: 0, capacityInBytes: 4096, backing: { thinProvisioned: true } } },
  ]);
  expect(fileItems).toMatchObject([{ deviceId: "/web/ParaVirtualSCSIController0:0", path: "disk.vmdk", create: false }]);
});

test("networks become the port groups that the client chose, those of their names, or the first", () => {
  const nic = (id: number, network: string) =>
    fields({ InstanceID: id, ResourceType: RESOURCE.ethernet, Connection: network, ResourceSubType: "E1000 VmxNet3" });
  const backings = (changes: Partial<ImportRequest>) =>
    devicesOf(`${nic(5, "nat")}${nic(6, "dmz")}`, changes).map(({ backing }) => backing.deviceName);
  expect(backings({})).toEqual(["VM Network", "dmz"]);
  expect(backings({ networkMapping: new Map([["nat", "dmz"]]) })).toEqual(["dmz", "dmz"]);
  expect(() => backings({ portGroups: [] })).toThrow(expect.objectContaining({ fault: "OvfNoHostNic" }));
});

test("what a deployment option has of its own takes the place of what is for all", () => {
  const option =
    '<DeploymentOptionSection><Configuration ovf:id="s" ovf:default="true"/><Configuration ovf:id="l"/></DeploymentOptionSection>';
  const memory = (mib: number, attributes = "") =>
    fields({ InstanceID: 2, ResourceType: RESOURCE.memory, VirtualQuantity: mib, AllocationUnits: "MegaBytes" }, attributes);
  const ovf = packageWith({ more: option, items: `${memory(128)}${memory(1024, 'ovf:configuration="l"')}` });
  const memoryOf = (deploymentOption: string) => planImport(ovf, { ...request, deploymentOption }).configSpec.memoryMB;
  expect([memoryOf(""), memoryOf("s"), memoryOf("l")]).toEqual([128, 128, 1024]);
  expect(() => memoryOf("xl")).toThrow(expect.objectContaining({ fault: "OvfInvalidValueConfiguration" }));
});

test("keys of the .vmx come along only when the client asks for them", () => {
  const ovf = packageWith({ hardware: '<ExtraConfig key="guestinfo.a" value="b"/>' });
  expect(planImport(ovf, request)).toMatchObject({ warnings: [{ fault: "OvfUnsupportedSection" }] });
  expect(planImport(ovf, request).configSpec.extraConfig).toBeUndefined();
  const taken = planImport(ovf, { ...request, allowExtraConfig: true });
  expect(taken.configSpec.extraConfig).toMatchObject([{ key: "guestinfo.a", value: { value: "b" } }]);
});

test.each([
  ["vmx-21", 21],
  ["vmx-07", 8],
  ["vmx-99 vmx-19", 19],
])("hardware of the family %s is made as version %d", (family, version) =>
  expect(planImport(packageWith({ family }), request).configSpec.version).toBe(`vmx-${String(version).padStart(2, "0")}`),
);

test.each<[string, Parameters<typeof packageWith>[0], string]>([
  ["hardware of another product", { family: "virtualbox-2.2" }, "OvfNoSupportedHardwareFamily"],
  ["a disk that is cut into pieces", { file: 'ovf:chunkSize="100"' }, "OvfUnsupportedAttributeValue"],
  ["a disk that is packed again", { file: 'ovf:compression="gzip"' }, "OvfUnsupportedAttributeValue"],
  ["a disk of another format", { format: "http://www.gnome.org/~markmc/qcow-image-format.html" }, "OvfUnsupportedAttributeValue"],
  ["a disk that hangs nowhere", { items: DISK }, "OvfInvalidValueReference"],
  ["two disks in one place", { items: `${SCSI}${DISK}${DISK.replace(">4<", ">5<")}` }, "OvfUnsupportedType"],
  ["one id twice", { items: `${SCSI}${SCSI}` }, "OvfInvalidValue"],
  ["a disk that is none of its own", { items: `${SCSI}${DISK.replace("d1", "d9")}` }, "OvfInvalidValueReference"],
  ["a controller that nobody knows", { items: SCSI.replace("VirtualSCSI", "abacus") }, "OvfUnsupportedSubType"],
  ["a device that must be and is not to be had", { items: fields({ InstanceID: 9, ResourceType: 29 }) }, "OvfUnsupportedType"],
  [
    "a drive with a disk in it",
    { items: `${SCSI}${fields({ InstanceID: 9, ResourceType: RESOURCE.cdrom, Parent: 3, HostResource: "ovf:/file/f1" })}` },
    "OvfUnsupportedType",
  ],
])("a package with %s is refused by name", (_, parts, fault) => {
  expect(() => planImport(packageWith(parts), request)).toThrow(expect.objectContaining({ fault }));
});

test("a device that need not be is left out with a word", () => {
  const items = `${SCSI}${DISK}${fields({ InstanceID: 9, ResourceType: 29 }, 'ovf:required="false"')}`;
  expect(planImport(packageWith({ items }), request).warnings).toMatchObject([{ fault: "OvfUnsupportedType" }]);
});

test("disks in a kind that this host does not make are refused, with those that it does", () => {
  const refused = expect.objectContaining({
    fault: "OvfUnsupportedDiskProvisioning",
    fields: expect.objectContaining({ diskProvisioning: "seSparse" }),
  });
  expect(() => planImport(packageWith({}), { ...request, diskProvisioning: "seSparse" })).toThrow(refused);
});
