/** What there is of a VM's disks and their parents on the datastores, and who has which. */
import { type DatastorePath, Fault, folderOf, formatDatastorePath, inFolder, parseDatastorePath } from "../../base/index.ts";
import type { DiskDescription } from "../../vmkernel/index.ts";
import type { SnapshotList, Vmx } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { diskPathsOf, resolveFile, type VmPlace } from "../vm-config/index.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { type ChainFacts, familyOf } from "./plan-cleaning.ts";

export interface VmDisks {
  readonly vmx: Vmx;
  readonly vmxPath: DatastorePath;
  readonly snapshots: SnapshotList;
  readonly datastores: VmPlace["datastores"];
}

export interface GatheredChains extends Omit<ChainFacts, "wantedByOthers"> {
  readonly described: ReadonlyMap<string, DiskDescription>;
}

/** The disks of a VM and of its snapshots. */
export function wantedDisks({ vmx, vmxPath, snapshots, datastores }: VmDisks): readonly DatastorePath[] {
  const kept = snapshots.snapshots.flatMap(({ disks }) => disks.flatMap(({ file }) => resolveFile(file, { vmxPath, datastores }) ?? []));
  const all = [...diskPathsOf(vmx, vmxPath, datastores), ...kept].map((disk) => [formatDatastorePath(disk), disk] as const);
  return [...new Map(all).values()];
}

/** Looks at the VM's disks, what lies beside them under names of the same family, and what all of those descend from. */
export async function gatherChains(vmkernel: Vmkernel, vm: VmDisks): Promise<GatheredChains> {
  const wanted = wantedDisks(vm);
  const families = new Set(wanted.map((disk) => familyOf(formatDatastorePath(disk))));
  const folders = new Map(wanted.map((disk) => [formatDatastorePath(folderOf(disk)), folderOf(disk)]));
  const described = new Map<string, DiskDescription>();
  const look = async (disk: DatastorePath): Promise<void> => {
    const text = formatDatastorePath(disk);
    if (described.has(text)) return;
    const found = await vmkernel.request({ kind: "describeDisk", descriptor: disk }).catch(nothingForFault);
    if (found === undefined) return;
    described.set(text, found);
    for (const parent of found.parents) await look(parent);
  };
  for (const disk of wanted) await look(disk);
  for (const folder of folders.values()) {
    const entries = await vmkernel.request({ kind: "listFolder", folder }).catch(nothingForFault);
    for (const { name, kind } of entries ?? []) {
      const path = inFolder(folder, name);
      if (kind === "file" && /(?<!-flat|-delta)\.vmdk$/i.test(name) && families.has(familyOf(formatDatastorePath(path)))) await look(path);
    }
  }
  const disks = new Map(
    [...described].map(([path, { parents, children, aliasOf }]) => {
      const [parent] = parents;
      return [
        path,
        {
          // Another name of a child has that child's parent: what it lies on is not its own.
          ...(parent && aliasOf === undefined && { parent: formatDatastorePath(parent) }),
          children: children.map(formatDatastorePath),
          ...(aliasOf && { aliasOf: formatDatastorePath(aliasOf) }),
        },
      ];
    }),
  );
  return { disks, wanted: new Set(wanted.map(formatDatastorePath)), described };
}

/** The disks that other VMs have, and their snapshots. */
export function wantedByOthers({ vms, datastores }: HostAgent, vm: Vm): ReadonlySet<string> {
  const others = vms.list().filter((other) => other !== vm);
  return new Set(
    others.flatMap(({ files, vmxPath }) =>
      files.kind === "readable" ? wantedDisks({ ...files, vmxPath, datastores: datastores() }).map(formatDatastorePath) : [],
    ),
  );
}

export function pathOf(text: string): DatastorePath {
  const path = parseDatastorePath(text);
  if (path === undefined) throw new Error(`${text} is no datastore path`);
  return path;
}

/** The names in the folder of a disk. */
export async function namesBeside(vmkernel: Vmkernel, disk: DatastorePath): Promise<ReadonlySet<string>> {
  const entries = await vmkernel.request({ kind: "listFolder", folder: folderOf(disk) });
  return new Set(entries.map(({ name }) => name));
}

function nothingForFault(error: unknown): undefined {
  if (!(error instanceof Fault)) throw error;
  return undefined; // what can't be read is left alone
}
