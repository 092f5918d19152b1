/**
 * Reads an OVF descriptor, which anybody may have written, into the model. What it cannot mean is refused by a fault that names the
 * element and the line; what is only not known is left out, as DSP0243 wants it for what is not required. Pure.
 */
import { Fault, messageOf } from "../../base/index.ts";
import { parseXml, type XmlElement } from "../soap/xml.ts";
import { fault } from "../vim25/fault.ts";
import { DISK_BYTES_MAX, SECTOR_BYTES } from "../vmdk/index.ts";
import {
  OVF_NAMESPACE,
  type OvfConfiguration,
  type OvfDisk,
  type OvfItem,
  type OvfPackage,
  type OvfProduct,
  type OvfReference,
  type OvfSystem,
  type OvfUserProperty,
} from "./model.ts";
import { bytesPerUnit } from "./units.ts";

/** A descriptor is some ten KiB; those of appliances with many properties and texts are some hundred. */
const LIMITS = { bytesMax: 2 * 1024 * 1024, elementsMax: 20_000 };
const FILES_MAX = 512;
const DISKS_MAX = 256; // as many as a VM can have
const ITEMS_MAX = 1024;
const NAMES_MAX = 256; // networks, options
const TEXT_MAX = 64 * 1024; // licences that people are to read
const NAME_MAX = 255;
const ITEM_ELEMENTS = new Set(["Item", "StorageItem", "EthernetPortItem"]);

/** @throws {Fault} OvfInvalidPackage and what is beneath it, OvfUnsupportedPackage likewise; each names the line */
export function parseOvf(text: string): OvfPackage {
  const root = readXml(text);
  if (root.name !== "Envelope")
    throw fault("OvfWrongElement", at(root, `is <${root.name}>; a descriptor is an <Envelope>`), {
      name: root.name,
      lineNumber: root.line,
    });
  if (root.namespace !== OVF_NAMESPACE)
    throw fault("OvfWrongNamespace", at(root, `is of the namespace ${root.namespace || "(none)"}; OVF 1 is known`), {
      namespaceName: root.namespace,
      lineNumber: root.line,
    });
  const collection = childOf(root, "VirtualSystemCollection");
  if (collection !== undefined)
    throw fault("OvfUnsupportedElement", at(collection, "is a collection of virtual systems (a vApp), which a host alone does not have"), {
      name: "VirtualSystemCollection",
      lineNumber: collection.line,
    });
  const systems = childrenOf(root, "VirtualSystem");
  const [system] = systems;
  if (system === undefined)
    throw fault("OvfMissingElement", at(root, "has no <VirtualSystem>"), { name: "VirtualSystem", lineNumber: root.line });
  if (systems.length > 1)
    throw fault("OvfDuplicateElement", at(systems[1] as XmlElement, "is a second <VirtualSystem>"), {
      name: "VirtualSystem",
      lineNumber: systems[1]?.line ?? 0,
    });
  const strings = readStrings(root);
  const files = listed(sectionOf(root, "References"), "File", FILES_MAX).map(readFile);
  const disks = listed(sectionOf(root, "DiskSection"), "Disk", DISKS_MAX).map((element) => readDisk(element, files));
  requireDistinct(files, "File", "id");
  requireDistinct(disks, "Disk", "diskId");
  const hrefs = new Map(files.map((file) => [file.href, file]));
  if (hrefs.size !== files.length) {
    const twice = files.find((file) => hrefs.get(file.href) !== file) as OvfReference;
    throw invalidValue(
      { elementName: "File", attributeName: "href", value: twice.href, line: twice.line },
      "is a file that is named twice",
    );
  }
  return {
    files,
    disks,
    networks: listed(sectionOf(root, "NetworkSection"), "Network", NAMES_MAX).map((element) => ({
      name: requireAttribute(element, "name"),
      description: textOf(element, "Description", strings),
    })),
    deploymentOptions: listed(sectionOf(root, "DeploymentOptionSection"), "Configuration", NAMES_MAX).map((element) =>
      readConfiguration(element, strings),
    ),
    system: readSystem(system, strings),
  };
}

function readXml(text: string): XmlElement {
  try {
    return parseXml(Buffer.from(text), LIMITS);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const description = messageOf(error).replace("The request", "The OVF descriptor");
    throw fault("OvfXmlFormat", description, { description, lineNumber: Number(/(\d+):\d+:/.exec(description)?.[1] ?? 0) });
  }
}

function readFile(element: XmlElement): OvfReference {
  const href = requireAttribute(element, "href");
  const place = { elementName: "File", attributeName: "href", value: href, line: element.line };
  // A client opens what it is told by this name, and sends it.
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) throw invalidValue(place, "leads out of the package, to another place of the network");
  if (!isPlainName(href)) throw invalidValue(place, "is no plain file name: it could lead out of the package");
  const compression = attribute(element, "compression");
  if (compression !== undefined && !/^(identity|gzip)?$/.test(compression))
    throw invalidValue({ ...place, attributeName: "compression", value: compression }, "is a compression that OVF does not know");
  return {
    id: requireAttribute(element, "id"),
    href,
    sizeBytes: bytesAttribute(element, "size"),
    compression: compression === "identity" || compression === "" ? undefined : compression,
    chunkBytes: bytesAttribute(element, "chunkSize"),
    line: element.line,
  };
}

function readDisk(element: XmlElement, files: readonly OvfReference[]): OvfDisk {
  const fileRef = attribute(element, "fileRef");
  if (fileRef !== undefined && !files.some(({ id }) => id === fileRef))
    throw fault("OvfInvalidValueReference", at(element, `names the file '${fileRef}', which is not among the package's references`), {
      elementName: "Disk",
      attributeName: "fileRef",
      value: fileRef,
      lineNumber: element.line,
    });
  const parentRef = attribute(element, "parentRef");
  if (parentRef !== undefined && parentRef !== "")
    throw fault("OvfUnsupportedAttribute", at(element, "is the child of another disk (parentRef), which is not supported"), {
      elementName: "Disk",
      attributeName: "parentRef",
      lineNumber: element.line,
    });
  const capacity = requireAttribute(element, "capacity");
  const units = attribute(element, "capacityAllocationUnits") ?? "byte";
  const unit = bytesPerUnit(units);
  if (unit === undefined)
    throw invalidValue(
      { elementName: "Disk", attributeName: "capacityAllocationUnits", value: units, line: element.line },
      "is no unit of bytes",
    );
  const bytes = /^\d{1,18}$/.test(capacity) ? Number(capacity) * unit : Number.NaN;
  if (!(bytes >= SECTOR_BYTES && bytes <= DISK_BYTES_MAX))
    throw invalidValue(
      { elementName: "Disk", attributeName: "capacity", value: capacity, line: element.line },
      "is no size of a disk: at least 512 bytes, at most 62 TB",
    );
  return {
    id: requireAttribute(element, "diskId"),
    fileRef,
    capacityBytes: Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES,
    format: attribute(element, "format") ?? "",
    populatedBytes: bytesAttribute(element, "populatedSize"),
    line: element.line,
  };
}

function readConfiguration(element: XmlElement, strings: Strings): OvfConfiguration {
  return {
    id: requireAttribute(element, "id"),
    label: textOf(element, "Label", strings),
    description: textOf(element, "Description", strings),
    isDefault: isTrue(attribute(element, "default")),
  };
}

function readSystem(element: XmlElement, strings: Strings): OvfSystem {
  const os = childOf(element, "OperatingSystemSection");
  const hardware = childrenOf(element, "VirtualHardwareSection");
  const [first] = hardware;
  if (first === undefined)
    throw fault("OvfMissingElement", at(element, "has no <VirtualHardwareSection>"), {
      name: "VirtualHardwareSection",
      lineNumber: element.line,
    });
  const products = childrenOf(element, "ProductSection");
  const [product] = products;
  // What has a bound says between which values the one without may lie.
  const items = first.children.filter((child) => ITEM_ELEMENTS.has(child.name) && attribute(child, "bound") === undefined);
  if (items.length > ITEMS_MAX) throw tooMany(first, "Item", ITEMS_MAX);
  const families = hardware.flatMap((section) => {
    const type = childOf(childOf(section, "System") ?? section, "VirtualSystemType")?.text.trim() ?? "";
    return type.split(/[\s,;]+/).filter((family) => family !== "");
  });
  const osId = attribute(os, "id");
  return {
    id: requireAttribute(element, "id").slice(0, NAME_MAX),
    name: childOf(element, "Name")?.text.trim().slice(0, NAME_MAX) || undefined,
    annotation: textOf(childOf(element, "AnnotationSection"), "Annotation", strings),
    eulas: childrenOf(element, "EulaSection").map((section) => textOf(section, "License", strings)),
    product: product === undefined ? undefined : readProduct(product, strings),
    properties: products.flatMap((section) =>
      listed(section, "Property", ITEMS_MAX).map((property) => readProperty(section, property, strings)),
    ),
    osType: attribute(os, "osType"),
    osId: osId !== undefined && /^\d{1,4}$/.test(osId) ? Number(osId) : undefined,
    families,
    items: items.map(readItem),
    configs: configsOf(first, "Config"),
    extraConfig: configsOf(first, "ExtraConfig"),
    line: element.line,
  };
}

function readProduct(section: XmlElement, strings: Strings): OvfProduct {
  const text = (name: string) => textOf(section, name, strings);
  return {
    name: text("Product"),
    vendor: text("Vendor"),
    version: text("Version"),
    fullVersion: text("FullVersion"),
    productUrl: text("ProductUrl"),
    vendorUrl: text("VendorUrl"),
  };
}

function readProperty(section: XmlElement, element: XmlElement, strings: Strings): OvfUserProperty {
  const [kind, instance] = [attribute(section, "class"), attribute(section, "instance")];
  const key = requireAttribute(element, "key");
  return {
    key: [kind, key, instance].filter((part) => part !== undefined && part !== "").join("."),
    type: attribute(element, "type") ?? "string",
    label: textOf(element, "Label", strings),
    description: textOf(element, "Description", strings),
    defaultValue: attribute(element, "value") ?? "",
    userConfigurable: isTrue(attribute(element, "userConfigurable")),
  };
}

function readItem(element: XmlElement): OvfItem {
  const text = (name: string) => childOf(element, name)?.text.trim() ?? "";
  const number = (name: string) => numberOf(element, name);
  const resourceType = number("ResourceType");
  const instanceId = text("InstanceID") || text("InstanceId");
  if (instanceId === "")
    throw fault("OvfMissingElement", at(element, "has no <InstanceID>"), { name: "InstanceID", lineNumber: element.line });
  if (resourceType === undefined)
    throw fault("OvfMissingElement", at(element, "has no <ResourceType>"), { name: "ResourceType", lineNumber: element.line });
  return {
    instanceId: instanceId.slice(0, NAME_MAX),
    resourceType,
    resourceSubType: text("ResourceSubType").slice(0, NAME_MAX),
    elementName: (text("ElementName") || text("Caption")).slice(0, NAME_MAX),
    description: text("Description").slice(0, NAME_MAX),
    parent: text("Parent") || undefined,
    address: text("Address") || undefined,
    addressOnParent: number("AddressOnParent"),
    allocationUnits: text("AllocationUnits"),
    quantity: number("VirtualQuantity"),
    reservation: number("Reservation"),
    limit: number("Limit"),
    weight: number("Weight"),
    automaticAllocation: text("AutomaticAllocation") !== "false",
    connections: childrenOf(element, "Connection").map((child) => child.text.trim()),
    hostResources: childrenOf(element, "HostResource").map((child) => child.text.trim()),
    coresPerSocket: number("CoresPerSocket"),
    isRequired: attribute(element, "required") !== "false",
    configurations: (attribute(element, "configuration") ?? "").split(/\s+/).filter((id) => id !== ""),
    configs: configsOf(element, "Config"),
    line: element.line,
  };
}

function numberOf(element: XmlElement, name: string): number | undefined {
  const child = childOf(element, name);
  const text = child?.text.trim() ?? "";
  if (child === undefined || text === "") return undefined;
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw fault("OvfElementInvalidValue", at(child, `has the value '${text.slice(0, NAME_MAX)}', which is no whole number`), {
    name,
    value: text.slice(0, NAME_MAX),
    lineNumber: child.line,
  });
}

function configsOf(element: XmlElement, name: string): ReadonlyMap<string, string> {
  const entries = listed(element, name, ITEMS_MAX).map((child): [string, string] => [
    requireAttribute(child, "key"),
    attribute(child, "value") ?? "",
  ]);
  return new Map(entries);
}

type Strings = ReadonlyMap<string, string>;

/** The texts that others stand for by their msgid, in the language of the descriptor. */
function readStrings(root: XmlElement): Strings {
  const [bundle] = childrenOf(root, "Strings");
  const entries = listed(bundle, "Msg", ITEMS_MAX).map((child): [string, string] => [requireAttribute(child, "msgid"), child.text]);
  return new Map(entries);
}

function textOf(parent: XmlElement | undefined, name: string, strings: Strings): string {
  const child = parent === undefined ? undefined : childOf(parent, name);
  const id = attribute(child, "msgid");
  const text = (id === undefined ? undefined : strings.get(id)) ?? child?.text ?? "";
  return text.trim().slice(0, TEXT_MAX);
}

const sectionOf = childOf;

function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

function listed(section: XmlElement | undefined, name: string, countMax: number): XmlElement[] {
  const found = section === undefined ? [] : childrenOf(section, name);
  if (found.length > countMax) throw tooMany(section as XmlElement, name, countMax);
  return found;
}

/** Of whatever namespace: tools write OVF's own attributes with its prefix and without. */
function attribute(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find((candidate) => candidate.name === name)?.value;
}

function requireAttribute(element: XmlElement, name: string): string {
  const value = attribute(element, name);
  if (value !== undefined && value !== "" && value.length <= NAME_MAX * 4) return value;
  throw fault("OvfMissingAttribute", at(element, `has no proper attribute ${name}`), {
    elementName: element.name,
    attributeName: name,
    lineNumber: element.line,
  });
}

function bytesAttribute(element: XmlElement, name: string): number | undefined {
  const text = attribute(element, name);
  if (text === undefined || text === "") return undefined;
  const bytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (bytes <= DISK_BYTES_MAX) return bytes;
  throw invalidValue(
    { elementName: element.name, attributeName: name, value: text, line: element.line },
    "is no size of a file: at most 62 TB",
  );
}

const isTrue = (text: string | undefined): boolean => text === "true" || text === "1";

/** Beside the descriptor, and no name that a client would take for another place. */
function isPlainName(href: string): boolean {
  let decoded: string;
  try {
    decoded = decodeURIComponent(href);
  } catch {
    return false;
  }
  return [href, decoded].every((name) => Buffer.byteLength(name) <= NAME_MAX && /^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u.test(name));
}

function requireDistinct(
  named: readonly { readonly id: string; readonly line: number }[],
  elementName: string,
  attributeName: string,
): void {
  const seen = new Set<string>();
  for (const { id, line } of named) {
    if (seen.has(id)) throw invalidValue({ elementName, attributeName, value: id, line }, "is an id that another has already");
    seen.add(id);
  }
}

function tooMany(element: XmlElement, name: string, countMax: number): Fault {
  const description = at(element, `has more than ${countMax} elements <${name}>`);
  return fault("OvfXmlFormat", description, { description, lineNumber: element.line });
}

interface BadAttribute {
  readonly elementName: string;
  readonly attributeName: string;
  readonly value: string;
  readonly line: number;
}

function invalidValue({ elementName, attributeName, value, line }: BadAttribute, problem: string): Fault {
  const shown = value.slice(0, NAME_MAX);
  const message = `The OVF descriptor is invalid: line ${line}, <${elementName}> ${attributeName}='${shown}' ${problem}.`;
  return fault("OvfInvalidValue", message, { elementName, attributeName, value: shown, lineNumber: line });
}

const at = (element: XmlElement, problem: string): string =>
  `The OVF descriptor is invalid: line ${element.line}, <${element.name}> ${problem}.`;
