/** vim25 FileManager: folders and files of the datastores. */
import type { MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { parseClientPath, requireDatacenter } from "../files/client-path.ts";
import { deleteFiles } from "../files/delete-files.ts";
import { makeDirectory } from "../files/make-directory.ts";
import { copyFiles, moveFiles } from "../files/transfer-files.ts";
import type { ManagedObjectType } from "../managed-object.ts";

interface TwoFiles {
  readonly sourceName: string;
  readonly sourceDatacenter?: MoRef | undefined;
  readonly destinationName: string;
  readonly destinationDatacenter?: MoRef | undefined;
}

function placesNamed(agent: HostAgent, { sourceName, sourceDatacenter, destinationName, destinationDatacenter }: TwoFiles) {
  requireDatacenter(sourceDatacenter, destinationDatacenter);
  return { from: parseClientPath(agent, sourceName), to: parseClientPath(agent, destinationName) };
}

export const fileManager = {
  type: "FileManager",
  properties: {},
  methods: {
    MakeDirectory(agent, { name, datacenter, createParentDirectories }) {
      requireDatacenter(datacenter);
      return makeDirectory(agent.vms.vmkernel, parseClientPath(agent, name), { withParents: createParentDirectories === true });
    },
    DeleteDatastoreFile_Task(agent, { name, datacenter }, call) {
      requireDatacenter(datacenter);
      return deleteFiles(call, parseClientPath(agent, name)).ref;
    },
    CopyDatastoreFile_Task: async (agent, { force, ...named }, call) =>
      (await copyFiles(call, placesNamed(agent, named), { force: force === true })).ref,
    MoveDatastoreFile_Task: async (agent, { force, ...named }, call) =>
      (await moveFiles(call, placesNamed(agent, named), { force: force === true })).ref,
  },
} as const satisfies ManagedObjectType<"FileManager", HostAgent>;
