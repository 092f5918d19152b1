/**
 * Reads an OVF descriptor, which anybody may have written, into the model. What it cannot mean is refused by a fault that names the
 * element and the line; what is only not known is left out, as DSP0243 wants it for what is not required. Pure.
 */
import { Fault, messageOf } from "../../base/index.ts";
import { parseXml, type XmlElement } from "../soap/xml.ts";
import { fault } from "../vim25/fault.ts";
import { DISK_BYTES_MAX, SECTOR_BYTES } from "../vmdk/index.ts";
import {
  at,
  attribute,
  bytesAttribute,
  childOf,
  childrenOf,
  ITEMS_MAX,
  invalidValue,
  isPlainName,
  isTrue,
  listed,
  NAME_MAX,
  readStrings,
  requireAttribute,
  requireDistinct,
  type Strings,
  textOf,
  tooMany,
} from "./elements.ts";
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
const NAMES_MAX = 256; // networks, options
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
  const files = listed(childOf(root, "References"), "File", FILES_MAX).map(readFile);
  const disks = listed(childOf(root, "DiskSection"), "Disk", DISKS_MAX).map((element) => readDisk(element, files));
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
    networks: listed(childOf(root, "NetworkSection"), "Network", NAMES_MAX).map((element) => ({
      name: requireAttribute(element, "name"),
      description: textOf(element, "Description", strings),
    })),
    deploymentOptions: listed(childOf(root, "DeploymentOptionSection"), "Configuration", NAMES_MAX).map((element) =>
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
