/** Programs in a guest: start, list, end, and what its users find in their environment. Source: vim25 GuestProcessManager. */
import { fault, type GuestProcessInfo, type GuestProgramSpec } from "../../wire/index.ts";
import { doScript, faultOfExit, type Guest, runScript } from "./guest.ts";
import { parseEnvironment, parseProcesses } from "./parse-processes.ts";
import { planListProcesses, planStartProgram, planTerminateProcess, READ_ENVIRONMENT, START_FAILURES } from "./plan-processes.ts";
import { EXIT, invalid, parseGuestPath, requireText } from "./shell.ts";

const COMMAND_LINE_LENGTH_MAX = 4096; // of what is shown
const ENVIRONMENT_MAX = 1000;
const PID_MAX = 0x7fff_ffff;
const PIDS_MAX = 1000;

/** @returns its pid */
export async function startProgram({ agent, vm, login }: Guest, spec: GuestProgramSpec): Promise<number> {
  const { workingDirectory, envVariables = [] } = spec;
  const path = parseGuestPath(spec.programPath, "spec.programPath");
  const args = requireText(spec.arguments, "spec.arguments");
  const folder =
    workingDirectory === undefined || workingDirectory === "" ? undefined : parseGuestPath(workingDirectory, "spec.workingDirectory");
  if (envVariables.length > ENVIRONMENT_MAX) throw invalid("spec.envVariables", `has more than ${ENVIRONMENT_MAX} entries`);
  for (const variable of envVariables) {
    if (!/^[^=\0]+=[^\0]*$/.test(requireText(variable, "spec.envVariables")))
      throw invalid("spec.envVariables", "has an entry that is not NAME=value");
  }
  const script = planStartProgram({ path, arguments: args, folder, environment: envVariables });
  const commandLine = `${path} ${args}`
    .trim()
    .replace(/\p{Cc}/gu, "?")
    .slice(0, COMMAND_LINE_LENGTH_MAX);
  const started = await agent.vms.vmkernel.request({ kind: "startInGuest", vm: vm.id, login, script, commandLine });
  if (started.kind === "started") return started.pid;
  const { because } = started;
  const file = because === "noFolder" ? (folder ?? "") : path;
  const exitCode = Object.hasOwn(START_FAILURES, because) ? START_FAILURES[because as keyof typeof START_FAILURES] : 1;
  throw faultOfExit(exitCode, file);
}

/** All that the guest's user may see, and those that clients started as that user, until five minutes after their end. */
export async function listProcesses(guest: Guest, pids: readonly number[]): Promise<GuestProcessInfo[]> {
  if (pids.length > PIDS_MAX) throw invalid("pids", `has more than ${PIDS_MAX} entries`);
  const { agent, vm, login } = guest;
  const output = await doScript(guest, planListProcesses(pids.filter(isPid)), "/proc");
  const started = await agent.vms.vmkernel.request({ kind: "listGuestPrograms", vm: vm.id });
  const own = started.filter(({ user }) => user === login.user || login.user === "root");
  const processes = parseProcesses(output, own);
  return pids.length === 0 ? processes : processes.filter(({ pid }) => pids.includes(pid));
}

export async function terminateProcess(guest: Guest, pid: number): Promise<void> {
  const { exitCode } = isPid(pid) ? await runScript(guest, planTerminateProcess(pid)) : { exitCode: EXIT.noProcess };
  if (exitCode === EXIT.noProcess) throw fault("GuestProcessNotFound", `The guest has no process ${pid}.`, { pid });
  if (exitCode !== EXIT.done) throw fault("GuestPermissionDenied", `The guest's user may not end the process ${pid}.`, {});
}

export async function readEnvironment(guest: Guest, names: readonly string[]): Promise<string[]> {
  return parseEnvironment(await doScript(guest, READ_ENVIRONMENT, "environment"), names);
}

function isPid(pid: number): boolean {
  return Number.isSafeInteger(pid) && pid > 0 && pid <= PID_MAX;
}
