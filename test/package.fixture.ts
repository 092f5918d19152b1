/** A package for tests: one VM with a disk and a network adapter, as any product writes it. */

export interface PackageParts {
  /** Of the package's disk. */
  readonly bytes: number;
  readonly href?: string;
  readonly capacityMib?: number;
  readonly name?: string;
  /** Put between the hardware's items. */
  readonly moreItems?: string;
  readonly moreReferences?: string;
}

export function ovfDescriptor(parts: PackageParts): string {
  const { bytes, href = "disk.vmdk", capacityMib = 40, name = "appliance", moreItems = "", moreReferences = "" } = parts;
  const item = (fields: Readonly<Record<string, string | number>>) =>
    `<Item>${Object.entries(fields)
      .map(([field, value]) => `<rasd:${field}>${value}</rasd:${field}>`)
      .join("")}</Item>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References><File ovf:href="${href}" ovf:id="file1" ovf:size="${bytes}"/>${moreReferences}</References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:capacity="${capacityMib}" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="d1" ovf:fileRef="file1"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="nat"><Description>out</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>A virtual machine</Info><Name>${name}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="otherLinux64Guest"><Info>Linux</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      <System><vssd:ElementName>Hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
      ${item({ ElementName: "cpus", InstanceID: 1, ResourceType: 3, VirtualQuantity: 2 })}
      ${item({ AllocationUnits: "byte * 2^20", ElementName: "memory", InstanceID: 2, ResourceType: 4, VirtualQuantity: 128 })}
      ${item({ Address: 0, ElementName: "SCSI", InstanceID: 3, ResourceSubType: "VirtualSCSI", ResourceType: 6 })}
      ${item({ AddressOnParent: 0, ElementName: "disk", HostResource: "ovf:/disk/d1", InstanceID: 4, Parent: 3, ResourceType: 17 })}
      ${item({ Connection: "nat", ElementName: "nic", InstanceID: 5, ResourceSubType: "VmxNet3", ResourceType: 10 })}
      ${moreItems}
    </VirtualHardwareSection>
    <AnnotationSection><Info>Words</Info><Annotation>an appliance &amp; more</Annotation></AnnotationSection>
  </VirtualSystem>
</Envelope>
`;
}
