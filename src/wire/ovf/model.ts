/** An OVF package's descriptor as this host understands it. Pure. Source: DMTF DSP0243 (OVF 1.1); VMware's additions («vmw»). */

export interface OvfPackage {
  readonly files: readonly OvfReference[];
  readonly disks: readonly OvfDisk[];
  readonly networks: readonly { readonly name: string; readonly description: string }[];
  readonly deploymentOptions: readonly OvfConfiguration[];
  readonly system: OvfSystem;
}

/** A file of the package, beside its descriptor. */
export interface OvfReference {
  readonly id: string;
  /** A plain file name. */
  readonly href: string;
  readonly sizeBytes: number | undefined;
  readonly compression: string | undefined;
  /** Of a file that is cut into pieces: each of them but the last. */
  readonly chunkBytes: number | undefined;
  readonly line: number;
}

export interface OvfDisk {
  readonly id: string;
  /** Undefined for a disk that is made empty. */
  readonly fileRef: string | undefined;
  readonly capacityBytes: number;
  /** URI of what the file is; "" when nothing is said. */
  readonly format: string;
  readonly populatedBytes: number | undefined;
  readonly line: number;
}

export interface OvfConfiguration {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly isDefault: boolean;
}

/** Virtual systems are one: a collection of several is a vApp, which a host alone has not. */
export interface OvfSystem {
  readonly id: string;
  readonly name: string | undefined;
  readonly annotation: string;
  readonly eulas: readonly string[];
  readonly product: OvfProduct | undefined;
  readonly properties: readonly OvfUserProperty[];
  /** vmw:osType, a guest id without "Guest" or with; undefined when it is not said. */
  readonly osType: string | undefined;
  /** CIM's number of the operating system. */
  readonly osId: number | undefined;
  /** "vmx-21", in the order of preference. */
  readonly families: readonly string[];
  readonly items: readonly OvfItem[];
  /** vmw:Config of the hardware: "firmware" = "efi". */
  readonly configs: ReadonlyMap<string, string>;
  /** vmw:ExtraConfig: keys of a .vmx. */
  readonly extraConfig: ReadonlyMap<string, string>;
  readonly line: number;
}

export interface OvfProduct {
  readonly name: string;
  readonly vendor: string;
  readonly version: string;
  readonly fullVersion: string;
  readonly productUrl: string;
  readonly vendorUrl: string;
}

export interface OvfUserProperty {
  readonly key: string;
  readonly type: string;
  readonly label: string;
  readonly description: string;
  readonly defaultValue: string;
  readonly userConfigurable: boolean;
}

/** A device or a resource: CIM_ResourceAllocationSettingData. */
export interface OvfItem {
  readonly instanceId: string;
  readonly resourceType: number;
  readonly resourceSubType: string;
  readonly elementName: string;
  readonly description: string;
  readonly parent: string | undefined;
  readonly address: string | undefined;
  readonly addressOnParent: number | undefined;
  readonly allocationUnits: string;
  readonly quantity: number | undefined;
  readonly reservation: number | undefined;
  readonly limit: number | undefined;
  readonly weight: number | undefined;
  readonly automaticAllocation: boolean;
  readonly connections: readonly string[];
  readonly hostResources: readonly string[];
  readonly coresPerSocket: number | undefined;
  /** False for what may be left out where it is not known. */
  readonly isRequired: boolean;
  /** The deployment options that it is for; empty for all. */
  readonly configurations: readonly string[];
  readonly configs: ReadonlyMap<string, string>;
  readonly line: number;
}

/** CIM_ResourceAllocationSettingData.ResourceType, of what is understood. */
export const RESOURCE = {
  cpu: 3,
  memory: 4,
  ide: 5,
  scsi: 6,
  ethernet: 10,
  floppy: 14,
  cdrom: 15,
  dvd: 16,
  disk: 17,
  otherStorage: 20,
  serial: 21,
  usb: 23,
  video: 24,
} as const;

export const OVF_NAMESPACE = "http://schemas.dmtf.org/ovf/envelope/1";
export const RASD_NAMESPACE = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
export const VSSD_NAMESPACE = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
export const VMW_NAMESPACE = "http://www.vmware.com/schema/ovf";
/** What the files of disks are, by the name that every product writes. */
export const STREAM_OPTIMIZED_FORMAT = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
