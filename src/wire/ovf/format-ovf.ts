/** Writes the model as an OVF 1.1 descriptor, as VMware's products write one. Pure. Source: DMTF DSP0243. */
import { escapeAttribute, escapeText } from "../soap/escape.ts";
import {
  OVF_NAMESPACE,
  type OvfDisk,
  type OvfItem,
  type OvfPackage,
  type OvfReference,
  type OvfSystem,
  RASD_NAMESPACE,
  VMW_NAMESPACE,
  VSSD_NAMESPACE,
} from "./model.ts";

interface Node {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string | number | undefined>>;
  readonly children?: readonly (Node | string)[];
}

export function formatOvf(ovf: OvfPackage): string {
  const envelope: Node = {
    name: "Envelope",
    attributes: {
      xmlns: OVF_NAMESPACE,
      "xmlns:ovf": OVF_NAMESPACE,
      "xmlns:rasd": RASD_NAMESPACE,
      "xmlns:vssd": VSSD_NAMESPACE,
      "xmlns:vmw": VMW_NAMESPACE,
      "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    },
    children: [
      { name: "References", children: ovf.files.map(formatFile) },
      section("DiskSection", "Virtual disk information", ovf.disks.map(formatDisk)),
      section("NetworkSection", "The list of logical networks", ovf.networks.map(formatNetwork)),
      formatSystem(ovf.system),
    ],
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${write(envelope, "")}`;
}

function formatFile({ id, href, sizeBytes }: OvfReference): Node {
  return { name: "File", attributes: { "ovf:href": href, "ovf:id": id, "ovf:size": sizeBytes } };
}

function formatDisk({ id, fileRef, capacityBytes, format, populatedBytes }: OvfDisk): Node {
  const exponent = [30, 20, 10].find((candidate) => capacityBytes % 2 ** candidate === 0);
  return {
    name: "Disk",
    attributes: {
      "ovf:capacity": capacityBytes / 2 ** (exponent ?? 0),
      "ovf:capacityAllocationUnits": exponent === undefined ? "byte" : `byte * 2^${exponent}`,
      "ovf:diskId": id,
      "ovf:fileRef": fileRef,
      "ovf:format": format === "" ? undefined : format,
      "ovf:populatedSize": populatedBytes,
    },
  };
}

function formatNetwork({ name, description }: OvfPackage["networks"][number]): Node {
  return { name: "Network", attributes: { "ovf:name": name }, children: [{ name: "Description", children: [description] }] };
}

function formatSystem(system: OvfSystem): Node {
  const { id, name, annotation, osId, osType, families, items, configs, extraConfig } = system;
  const hardware = [
    {
      name: "System",
      children: [
        { name: "vssd:ElementName", children: ["Virtual Hardware Family"] },
        { name: "vssd:InstanceID", children: ["0"] },
        { name: "vssd:VirtualSystemIdentifier", children: [name ?? id] },
        { name: "vssd:VirtualSystemType", children: [families.join(" ")] },
      ],
    },
    ...items.map(formatItem),
    ...[...configs].map(([key, value]) => config("vmw:Config", key, value)),
    ...[...extraConfig].map(([key, value]) => config("vmw:ExtraConfig", key, value)),
  ];
  return {
    name: "VirtualSystem",
    attributes: { "ovf:id": id },
    children: [
      { name: "Info", children: ["A virtual machine"] },
      ...(name === undefined ? [] : [{ name: "Name", children: [name] }]),
      section("OperatingSystemSection", "The kind of installed guest operating system", [], { "ovf:id": osId ?? 1, "vmw:osType": osType }),
      section("VirtualHardwareSection", "Virtual hardware requirements", hardware),
      ...(annotation === ""
        ? []
        : [section("AnnotationSection", "A human-readable annotation", [{ name: "Annotation", children: [annotation] }])]),
    ],
  };
}

const config = (name: string, key: string, value: string): Node => ({
  name,
  attributes: { "ovf:required": "false", "vmw:key": key, "vmw:value": value },
});

/** Elements in the order that the schema of CIM has them: by their names. */
function formatItem(item: OvfItem): Node {
  const fields: readonly (readonly [string, string | number | undefined])[] = [
    ["Address", item.address],
    ["AddressOnParent", item.addressOnParent],
    ["AllocationUnits", item.allocationUnits || undefined],
    ["AutomaticAllocation", item.automaticAllocation ? undefined : "false"],
    ...item.connections.map((name) => ["Connection", name] as const),
    ["Description", item.description || undefined],
    ["ElementName", item.elementName],
    ...item.hostResources.map((resource) => ["HostResource", resource] as const),
    ["InstanceID", item.instanceId],
    ["Limit", item.limit],
    ["Parent", item.parent],
    ["Reservation", item.reservation],
    ["ResourceSubType", item.resourceSubType || undefined],
    ["ResourceType", item.resourceType],
    ["VirtualQuantity", item.quantity],
    ["Weight", item.weight],
  ];
  const cores = item.coresPerSocket === undefined ? [] : [coresNode(item.coresPerSocket)];
  return {
    name: "Item",
    attributes: { "ovf:required": item.isRequired ? undefined : "false" },
    children: [
      ...fields.flatMap(([name, value]) => (value === undefined ? [] : [{ name: `rasd:${name}`, children: [String(value)] }])),
      ...cores,
      ...[...item.configs].map(([key, value]) => config("vmw:Config", key, value)),
    ],
  };
}

const coresNode = (cores: number): Node => ({
  name: "vmw:CoresPerSocket",
  attributes: { "ovf:required": "false" },
  children: [String(cores)],
});

function section(name: string, info: string, children: readonly Node[], attributes: Node["attributes"] = {}): Node {
  return { name, attributes, children: [{ name: "Info", children: [info] }, ...children] };
}

function write({ name, attributes = {}, children = [] }: Node, indent: string): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${escapeAttribute(String(value))}"`],
  );
  const open = `${indent}<${name}${written.join("")}`;
  if (children.length === 0) return `${open}/>\n`;
  const [only] = children;
  if (children.length === 1 && typeof only === "string") return `${open}>${escapeText(only)}</${name}>\n`;
  const inner = children.map((child) => (typeof child === "string" ? escapeText(child) : write(child, `${indent}  `)));
  return `${open}>\n${inner.join("")}${indent}</${name}>\n`;
}
