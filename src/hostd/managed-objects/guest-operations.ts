/**
 * vim25 GuestOperationsManager and its managers: what a client does inside a guest, as one of the guest's users.
 * Their methods name the VM; the privilege is asked for on it.
 */
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { changeAttributes, createTemporary, listFiles } from "../guest-operations/files.ts";
import { doScript, enterGuest } from "../guest-operations/guest.ts";
import { planDeleteDirectory, planDeleteFile, planMakeDirectory, planMoveDirectory, planMoveFile } from "../guest-operations/plan-files.ts";
import { listProcesses, readEnvironment, startProgram, terminateProcess } from "../guest-operations/processes.ts";
import { parseGuestPath } from "../guest-operations/shell.ts";
import { offerDownload, offerUpload } from "../guest-operations/transfers.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const GUEST_AUTH_MANAGER = { type: "GuestAuthManager", value: "ha-guest-operations-auth-manager" } as const;
export const GUEST_FILE_MANAGER = { type: "GuestFileManager", value: "ha-guest-operations-file-manager" } as const;
export const GUEST_PROCESS_MANAGER = { type: "GuestProcessManager", value: "ha-guest-operations-process-manager" } as const;

export const guestOperationsManager = {
  type: "GuestOperationsManager",
  properties: {
    authManager: () => GUEST_AUTH_MANAGER,
    fileManager: () => GUEST_FILE_MANAGER,
    processManager: () => GUEST_PROCESS_MANAGER,
    guestWindowsRegistryManager: () => undefined,
    aliasManager: () => undefined,
  },
  methods: {},
} as const satisfies ManagedObjectType<"GuestOperationsManager", HostAgent>;

export const guestAuthManager = {
  type: "GuestAuthManager",
  properties: {},
  methods: {
    ValidateCredentialsInGuest: async (agent, args) => void (await doScript(enterGuest(agent, args), "exit 0", "")),
    AcquireCredentialsInGuest: (agent, { vm, requestedAuth }) => {
      enterGuest(agent, { vm, auth: requestedAuth });
      throw fault("OperationNotSupportedByGuest", "A name and a password need no ticket; other ways to log in are not offered.", {});
    },
    ReleaseCredentialsInGuest: (agent, args) => {
      enterGuest(agent, args);
      throw fault("OperationNotSupportedByGuest", "No credentials are kept that could be released.", {});
    },
  },
} as const satisfies ManagedObjectType<"GuestAuthManager", HostAgent>;

export const guestProcessManager = {
  type: "GuestProcessManager",
  properties: {},
  methods: {
    StartProgramInGuest: (agent, { spec, ...args }) => startProgram(enterGuest(agent, args), spec),
    ListProcessesInGuest: (agent, { pids = [], ...args }) => listProcesses(enterGuest(agent, args), pids),
    TerminateProcessInGuest: (agent, { pid, ...args }) => terminateProcess(enterGuest(agent, args), pid),
    ReadEnvironmentVariableInGuest: (agent, { names = [], ...args }) => readEnvironment(enterGuest(agent, args), names),
  },
} as const satisfies ManagedObjectType<"GuestProcessManager", HostAgent>;

export const guestFileManager = {
  type: "GuestFileManager",
  properties: {},
  methods: {
    InitiateFileTransferFromGuest: (agent, { guestFilePath, ...args }, call) => offerDownload(call, enterGuest(agent, args), guestFilePath),
    InitiateFileTransferToGuest: (agent, { vm, auth, ...args }, call) => offerUpload(call, enterGuest(agent, { vm, auth }), args),
    ListFilesInGuest: (agent, { vm, auth, ...args }) => listFiles(enterGuest(agent, { vm, auth }), args),
    MakeDirectoryInGuest: async (agent, { directoryPath, createParentDirectories, ...args }) => {
      const path = parseGuestPath(directoryPath, "directoryPath");
      await doScript(enterGuest(agent, args), planMakeDirectory(path, createParentDirectories), path);
    },
    DeleteDirectoryInGuest: async (agent, { directoryPath, recursive, ...args }) => {
      const path = parseGuestPath(directoryPath, "directoryPath");
      await doScript(enterGuest(agent, args), planDeleteDirectory(path, recursive), path);
    },
    DeleteFileInGuest: async (agent, { filePath, ...args }) => {
      const path = parseGuestPath(filePath, "filePath");
      await doScript(enterGuest(agent, args), planDeleteFile(path), path);
    },
    MoveFileInGuest: async (agent, { srcFilePath, dstFilePath, overwrite, ...args }) => {
      const [from, to] = [parseGuestPath(srcFilePath, "srcFilePath"), parseGuestPath(dstFilePath, "dstFilePath")];
      await doScript(enterGuest(agent, args), planMoveFile({ from, to, overwrite }), overwrite ? from : to);
    },
    MoveDirectoryInGuest: async (agent, { srcDirectoryPath, dstDirectoryPath, ...args }) => {
      const from = parseGuestPath(srcDirectoryPath, "srcDirectoryPath");
      const to = parseGuestPath(dstDirectoryPath, "dstDirectoryPath");
      await doScript(enterGuest(agent, args), planMoveDirectory({ from, to }), from);
    },
    CreateTemporaryFileInGuest: (agent, { vm, auth, ...args }) => createTemporary(enterGuest(agent, { vm, auth }), "file", args),
    CreateTemporaryDirectoryInGuest: (agent, { vm, auth, ...args }) => createTemporary(enterGuest(agent, { vm, auth }), "directory", args),
    ChangeFileAttributesInGuest: (agent, { guestFilePath, fileAttributes, ...args }) =>
      changeAttributes(enterGuest(agent, args), guestFilePath, fileAttributes),
  },
} as const satisfies ManagedObjectType<"GuestFileManager", HostAgent>;
