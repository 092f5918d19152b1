/** Packages of virtual machines, in and out, by the real govc; qemu-img and Python's own libraries are the outside readers. */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { installFromGo } from "./go.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const govc = await installFromGo("govc");
if ("because" in govc) console.warn(`govc cannot be had on this machine, its tests are skipped: ${govc.because}`);
const path = "path" in govc ? govc.path : "";

let host: TestAgent;
let folder: string;
/** What is on the disk, and what it is packed as. */
let raw: string;
beforeAll(async () => {
  host = await startAgent();
  folder = mkdtempSync(join(tmpdir(), "bulkhead-ovf-"));
  const disk = Buffer.alloc(40 * MIB);
  for (let at = 0; at < disk.length; at += 3 * MIB) disk.fill(`what lies at ${at} `, at, Math.min(disk.length, at + 200_000));
  raw = join(folder, "raw");
  writeFileSync(raw, disk);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, join(folder, "disk.vmdk")]);
  writeFileSync(join(folder, "appliance.ovf"), descriptor({}));
});
afterAll(async () => {
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function descriptor({ href = "disk.vmdk", capacity = "40" }): string {
  const size = statSync(join(folder, "disk.vmdk")).size;
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References><File ovf:href="${href}" ovf:id="file1" ovf:size="${size}"/></References>
  <DiskSection><Info>Disks</Info><Disk ovf:capacity="${capacity}" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="d1" ovf:fileRef="file1"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="nat"><Description>out</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="appliance">
    <Info>A virtual machine</Info><Name>appliance</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest"><Info>Linux</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>cpus</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>128</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk0</rasd:ElementName><rasd:HostResource>ovf:/disk/d1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>nat</rasd:Connection><rasd:ElementName>nic</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
    <AnnotationSection><Info>Words</Info><Annotation>an appliance &amp; more</Annotation></AnnotationSection>
  </VirtualSystem>
</Envelope>
`;
}

/** What govc prints. */
async function says(...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${host.port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: "Correct-Horse-9",
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  return (await run(path, args, { env, cwd: folder, timeout: 60_000 })).stdout;
}

const complains = (...args: readonly string[]): Promise<string> =>
  says(...args).then(
    (text) => `it did not: ${text}`,
    (error: { readonly stderr?: string }) => error.stderr ?? String(error),
  );

const flat = (name: string) => join(host.datastore, name, `${name}-flat.vmdk`);

test.skipIf(path === "")(
  "govc imports a package, exports it, and imports what it exported: the disk is the same at every step",
  async () => {
    await says("import.ovf", "-name=first", "appliance.ovf");
    expect(readFileSync(flat("first")).equals(readFileSync(raw))).toBe(true);
    expect(await says("object.collect", "-s", "vm/first", "config.hardware.numCPU", "config.hardware.memoryMB", "config.annotation")).toBe(
      "2\n128\nan appliance & more\n",
    );
    await says("export.ovf", "-vm=first", "-sha=256", "out");
    const exported = join(folder, "out", "first");
    expect(readdirSync(exported).toSorted()).toEqual(["first-disk-0.vmdk", "first.mf", "first.ovf"]);
    const disk = join(exported, "first-disk-0.vmdk");
    expect(execFileSync("qemu-img", ["check", "-f", "vmdk", disk], { encoding: "utf8" })).toContain("No errors were found");
    expect(execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "vmdk", raw, disk], { encoding: "utf8" })).toContain("identical");
    execFileSync("tar", ["-cf", "../../first.ova", "first.ovf", "first.mf", "first-disk-0.vmdk"], { cwd: exported });
    await says("import.ova", "-name=second", "-m", "first.ova");
    expect(readFileSync(flat("second")).equals(readFileSync(raw))).toBe(true);
    await says("vm.destroy", "first", "second");
    expect(readdirSync(host.datastore).filter((name) => !name.startsWith("."))).toEqual([]);
  },
);
