/** A PropertySource whose objects are put in by hand, for tests. */
import type { Fault } from "../../base/index.ts";
import type { MoRef } from "../../wire/index.ts";
import { Changes } from "../changes.ts";
import type { ManagedObjectInstance } from "../managed-object.ts";
import type { PropertySource } from "./source.ts";

type Properties = Record<string, unknown>;

export class SourceInMemory implements PropertySource {
  readonly reader = { sessionKey: "test", userName: "root" };
  readonly changes = new Changes();
  readonly #objects = new Map<string, { readonly ref: MoRef; properties: Properties }>();
  readonly #refusals = new Map<string, Fault>();
  /** How often each property was read, by `moid.property`. */
  readonly reads = new Map<string, number>();

  /** Adds an object, or gives one other properties, and says so. A property that is a function is called when it is read. */
  put(type: string, moid: string, properties: Properties): MoRef {
    const ref = { type, value: moid };
    this.#objects.set(moid, { ref, properties });
    this.changes.changed(ref);
    return ref;
  }

  remove(moid: string): void {
    const object = this.#objects.get(moid);
    this.#objects.delete(moid);
    if (object !== undefined) this.changes.changed(object.ref);
  }

  refuse(moid: string, refusal: Fault): void {
    this.#refusals.set(moid, refusal);
  }

  find({ value }: MoRef): ManagedObjectInstance | undefined {
    const object = this.#objects.get(value);
    if (object === undefined) return undefined;
    return {
      ref: object.ref,
      read: (property) => {
        this.reads.set(`${value}.${property}`, (this.reads.get(`${value}.${property}`) ?? 0) + 1);
        const held = object.properties[property];
        return typeof held === "function" ? held() : held;
      },
    };
  }

  refusal({ value }: MoRef): Fault | undefined {
    return this.#refusals.get(value);
  }

  onChange(listener: (ref: MoRef) => void): () => void {
    return this.changes.onChange(listener);
  }
}

const ref = (type: string, value: string): MoRef => ({ type, value });

/** A standalone host's tree with two VMs, `1` and `2`. */
export function smallHost(): SourceInMemory {
  const source = new SourceInMemory();
  const vms = [ref("VirtualMachine", "1"), ref("VirtualMachine", "2")];
  const root = source.put("Folder", "root", { name: "ha-folder-root", childEntity: [ref("Datacenter", "dc")] });
  const dc = source.put("Datacenter", "dc", {
    name: "ha-datacenter",
    parent: root,
    vmFolder: ref("Folder", "vm"),
    hostFolder: ref("Folder", "host"),
    datastoreFolder: ref("Folder", "datastore"),
    networkFolder: ref("Folder", "network"),
  });
  const vmFolder = source.put("Folder", "vm", { name: "vm", parent: dc, childEntity: vms });
  const hostFolder = source.put("Folder", "host", { name: "host", parent: dc, childEntity: [ref("ComputeResource", "compute")] });
  for (const name of ["datastore", "network"]) source.put("Folder", name, { name, parent: dc, childEntity: [] });
  const compute = source.put("ComputeResource", "compute", {
    name: "bulkhead",
    parent: hostFolder,
    host: [ref("HostSystem", "ha-host")],
    resourcePool: ref("ResourcePool", "pool"),
  });
  source.put("HostSystem", "ha-host", { name: "bulkhead", parent: compute, vm: vms });
  source.put("ResourcePool", "pool", { name: "Resources", parent: compute, vm: vms, resourcePool: [] });
  for (const { value } of vms) source.put("VirtualMachine", value, vmProperties(value, vmFolder));
  return source;
}

export function vmProperties(moid: string, parent: MoRef = ref("Folder", "vm")) {
  return {
    name: `vm-${moid}`,
    parent,
    runtime: { host: ref("HostSystem", "ha-host"), powerState: "poweredOff", connectionState: "connected" },
    summary: { runtime: { host: ref("HostSystem", "ha-host"), powerState: "poweredOff" }, config: { name: `vm-${moid}` } },
    config: {
      name: `vm-${moid}`,
      hardware: {
        numCPU: 1,
        memoryMB: 64,
        device: [
          {
            $type: "VirtualE1000e",
            key: 4000,
            deviceInfo: { label: "Network adapter 1", summary: "VM Network" },
            macAddress: "00:0c:29:00:00:01",
          },
          { $type: "VirtualDisk", key: 2000, capacityInKB: 1024, deviceInfo: { label: "Hard disk 1", summary: "" } },
        ],
      },
      extraConfig: [
        { $type: "OptionValue", key: "guestinfo.b", value: { anyType: "string", value: "x" } },
        { $type: "OptionValue", key: 'odd"k\\y].', value: { anyType: "int", value: 7 } },
      ],
      cpuFeatureMask: [],
    },
  };
}
