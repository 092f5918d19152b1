/** One guest with one of its users: where every guest operation begins. */
import type { GuestLogin, GuestRun } from "../../vmkernel/index.ts";
import { fault, type GuestAuthentication, type MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { parseGuestLogin } from "./login.ts";
import { EXIT } from "./shell.ts";

export interface Guest {
  readonly agent: HostAgent;
  readonly vm: Vm;
  readonly login: GuestLogin;
}

export interface GuestArguments {
  readonly vm: MoRef<"VirtualMachine">;
  readonly auth: GuestAuthentication;
}

/** @throws {Fault} ManagedObjectNotFound, InvalidPowerState, GuestOperationsUnavailable, or what {@link parseGuestLogin} says */
export function enterGuest(agent: HostAgent, { vm, auth }: GuestArguments): Guest {
  return { ...requireGuest(agent, vm), login: parseGuestLogin(auth) };
}

/** @throws {Fault} ManagedObjectNotFound, InvalidPowerState, GuestOperationsUnavailable */
export function requireGuest(agent: HostAgent, ref: MoRef): Omit<Guest, "login"> {
  const vm = agent.vms.find(ref.value);
  if (vm === undefined) {
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: ref });
  }
  if (vm.monitor === undefined) {
    throw fault("InvalidPowerState", "The attempted operation cannot be performed in the current state (not powered on).", {
      requestedState: "poweredOn",
      existingState: vm.powerState,
    });
  }
  if (vm.monitor.guest.tools !== "running") {
    throw fault("GuestOperationsUnavailable", `No guest agent answers in ${vm.name}.`, {});
  }
  return { agent, vm };
}

/** Runs a script to its end. */
export function runScript({ agent, vm, login }: Guest, script: string): Promise<GuestRun> {
  return agent.vms.vmkernel.request({ kind: "runInGuest", vm: vm.id, login, script });
}

/** Runs a script that must succeed. @param path what its failure is about @returns what it wrote */
export async function doScript(guest: Guest, script: string, path: string): Promise<Buffer> {
  const { exitCode, output } = await runScript(guest, script);
  if (exitCode !== EXIT.done) throw faultOfExit(exitCode, path);
  return Buffer.from(output, "base64");
}

/** Why a script failed, as vim25 names it. */
export function faultOfExit(exitCode: number, file: string): Error {
  switch (exitCode) {
    case EXIT.notFound:
      return fault("FileNotFound", `File ${file} was not found in the guest.`, { file });
    case EXIT.exists:
      return fault("FileAlreadyExists", `The specified key, name, or identifier '${file}' already exists.`, { file });
    case EXIT.denied:
      return fault("GuestPermissionDenied", `The guest's user may not do this to ${file}.`, {});
    case EXIT.notDirectory:
      return fault("NotADirectory", `${file} is not a folder.`, { file });
    case EXIT.notFile:
      return fault("NotAFile", `${file} is not a file.`, { file });
    case EXIT.notEmpty:
      return fault("DirectoryNotEmpty", `The folder ${file} is not empty.`, { file });
    default:
      return fault("FileFault", `The guest could not do this to ${file}.`, { file });
  }
}
