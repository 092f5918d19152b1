/** vim25 FileManager: folders and files of the datastores. Copying and moving need vmkernel's help and are not offered yet. */
import type { HostAgent } from "../agent.ts";
import { parseClientPath } from "../files/client-path.ts";
import { deleteFiles } from "../files/delete-files.ts";
import { makeDirectory } from "../files/make-directory.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const fileManager = {
  type: "FileManager",
  properties: {},
  methods: {
    MakeDirectory: (agent, { name, createParentDirectories }) =>
      makeDirectory(agent.vms.vmkernel, parseClientPath(agent, name), { withParents: createParentDirectories === true }),
    DeleteDatastoreFile_Task: (agent, { name }, call) => deleteFiles(call, parseClientPath(agent, name)).ref,
  },
} as const satisfies ManagedObjectType<"FileManager", HostAgent>;
