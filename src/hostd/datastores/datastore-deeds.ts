/**
 * Datastores as clients make, rename and remove them. A datastore is a folder of the host; a client makes one where the datastores
 * are, and gives none of the machine's other folders away. Source: vim25 HostDatastoreSystem and Datastore.
 */
import { formatDatastorePath } from "../../base/index.ts";
import type { DatastoreDescription } from "../../vmkernel/index.ts";
import { type DatastoreEventArgument, fault, type MoRef } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { filesOf } from "../files/held-files.ts";
import type { Vm } from "../vm.ts";

const VOLUMES = "/vmfs/volumes";
const NAME_CHARACTERS_MAX = 42;
/** Tasks that do nothing to files, or hold none while they wait. */
const BESIDE_FILES: ReadonlySet<string> = new Set(["EnterMaintenanceMode_Task", "Rename_Task", "GenerateLogBundles_Task"]);

/** @param path where it is to be: the folder of the datastores, or its own place there. @throws {Fault} InvalidName, DuplicateName, HostConfigFault */
export async function createLocalDatastore(agent: HostAgent, name: string, path: string, call: Call): Promise<MoRef<"Datastore">> {
  requireNewName(agent, name);
  if (path !== VOLUMES && path !== `${VOLUMES}/${name}`) {
    const message = `A client makes datastores beneath ${VOLUMES} alone: another disk is mounted there by the machine's administrator.`;
    throw fault("HostConfigFault", message, {});
  }
  await agent.vms.vmkernel.request({ kind: "createDatastore", name });
  await agent.refreshDatastores();
  const ref = agent.inventory.datastoreNamed(name);
  if (ref === undefined) throw fault("HostConfigFault", `The datastore ${name} is gone again.`, {});
  const datastore = { name, datastore: ref };
  tell(agent, call, { audit: "datastore.create", name }, (about) =>
    agent.events.post("LocalDatastoreCreatedEvent", `Created the datastore ${name}`, about, {
      datastore,
      datastoreUrl: `${VOLUMES}/${ref.value}`,
    }),
  );
  return ref;
}

/** @throws {Fault} InvalidName, DuplicateName; InvalidRequest while a VM runs from it or a task works */
export async function renameDatastore(agent: HostAgent, { name, uuid }: DatastoreDescription, newName: string, call: Call): Promise<void> {
  if (newName === name) return;
  requireNewName(agent, newName);
  const busy = usersOf(agent, name).find((vm) => vm.powerState === "poweredOn" || vm.situation.activeTask !== undefined);
  const task = agent.tasks.unfinished().find((info) => !BESIDE_FILES.has(info.name ?? ""));
  if (busy !== undefined || task !== undefined) {
    const user = busy === undefined ? task?.name : `the virtual machine ${busy.name}`;
    throw fault("InvalidRequest", `The datastore ${name} cannot be renamed while it is in use by ${user}.`, {});
  }
  await agent.vms.vmkernel.request({ kind: "renameDatastore", from: name, to: newName });
  await agent.refreshDatastores(); // and with it the VMs are registered by the new name
  const fields = { datastore: { name: newName, datastore: { type: "Datastore", value: uuid } as const }, oldName: name, newName };
  tell(agent, call, { audit: "datastore.rename", name: `${name} ${newName}` }, (about) =>
    agent.events.post("DatastoreRenamedEvent", `Renamed the datastore ${name} to ${newName}`, about, fields),
  );
}

/** An empty one, that no VM is registered from, and that is not the last. @throws {Fault} ResourceInUse */
export async function removeDatastore(agent: HostAgent, { name, uuid }: DatastoreDescription, call: Call): Promise<void> {
  const [user] = usersOf(agent, name);
  if (user !== undefined) throw inUse(name, `the virtual machine ${user.name} lies on it (${formatDatastorePath(user.vmxPath)})`);
  if (agent.datastores().length === 1) throw inUse(name, "a host has at least one datastore");
  await agent.vms.vmkernel.request({ kind: "removeDatastore", name });
  await agent.refreshDatastores();
  const datastore: DatastoreEventArgument = { name, datastore: { type: "Datastore", value: uuid } };
  tell(agent, call, { audit: "datastore.remove", name }, (about) =>
    agent.events.post("DatastoreDestroyedEvent", `Removed the datastore ${name}`, about, { datastore }),
  );
}

/** @throws {Fault} NotFound */
export function requireDatastore({ datastores }: HostAgent, ref: MoRef): DatastoreDescription {
  const found = datastores().find(({ uuid }) => uuid === ref.value);
  if (found === undefined) throw fault("NotFound", `The host has no datastore ${ref.value}.`, {});
  return found;
}

/** The VMs that lie on it, or have a file there. */
function usersOf({ vms, datastores }: HostAgent, name: string): readonly Vm[] {
  return vms.list().filter((vm) => vm.vmxPath.datastore === name || filesOf(vm, datastores()).some(({ datastore }) => datastore === name));
}

/** As vmkernel takes it, told by the faults that the methods declare. */
function requireNewName(agent: HostAgent, name: string): void {
  if (
    name === "" ||
    name.length > NAME_CHARACTERS_MAX ||
    name.startsWith(".") ||
    name.trim() !== name ||
    /[[\]/\p{Cc}\p{Cs}]/u.test(name)
  ) {
    throw fault("InvalidName", `'${name.slice(0, NAME_CHARACTERS_MAX)}' is no name for a datastore.`, {
      name: name.replace(/\p{Cs}/gu, "\ufffd"),
    });
  }
  const object = agent.inventory.datastoreNamed(name);
  if (object !== undefined) throw fault("DuplicateName", `There is a datastore ${name} already.`, { name, object });
}

interface Told {
  readonly audit: string;
  readonly name: string;
}

function tell(agent: HostAgent, call: Call, { audit, name }: Told, post: (about: { readonly userName: string }) => void): void {
  const { userName } = sessionOf(call);
  agent.audit({ id: audit, subject: userName, object: name, result: "success", ip: call.client.address });
  post({ userName });
}

function inUse(name: string, because: string) {
  return fault("ResourceInUse", `The datastore ${name} stays: ${because}.`, { type: "Datastore", name });
}
