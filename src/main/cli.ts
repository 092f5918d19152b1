/** The command `bulkhead`: reads what is asked, calls what does it, prints, and ends with its exit code. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { hostPaths, messageOf, parseVmId, SystemError, type VmId } from "../base/index.ts";
import { formatEvidence } from "../evidence/index.ts";
import type { Formatter } from "../interfaces/esxcli/index.ts";
import { exitCodeOf as evidenceExitCode, lookAtEvidence } from "./evidence-command.ts";
import { runInForeground } from "./foreground.ts";
import type { HostOptions, RunningHost } from "./host-run.ts";
import { formatStatus, readHostStatus, exitCodeOf as statusExitCode, statusToJson } from "./host-status.ts";
import { stopRunningHost } from "./host-stop.ts";
import { DEFAULT_LISTEN, type ListenAddress, parseListenAddress } from "./listen-address.ts";
import { formatLockdown, liftLockdown, readLockdownMode } from "./lockdown-command.ts";
import { requireRoot } from "./machine.ts";
import { formatPageMap, readPageMap } from "./memory-command.ts";
import { initialPasswordPath, PASSWORD_VARIABLE, USER_PASSWORD_VARIABLE } from "./root-password.ts";
import { hostRuns, readRunFile } from "./run-file.ts";
import { startDemonstration } from "./start/start.ts";
import { formatNetwork, parsePortNumber, readNetwork, readProgram } from "./vswitch-command.ts";

const EXIT = { failure: 1, usage: 2, notRunning: 3 } as const;

interface Options {
  readonly root: string;
  readonly listen: ListenAddress;
  readonly json?: true;
  readonly degraded?: true;
  readonly dedicated?: true;
  readonly memory?: number;
}

export async function main(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage; // it has said what is wrong, or shown its help
      return;
    }
    console.error(`bulkhead: ${messageOf(error)}`);
    if (process.env.BULKHEAD_DEBUG !== undefined) console.error(error);
    process.exit(EXIT.failure);
  }
}

function buildProgram(): Command {
  const program = new Command("bulkhead")
    .description("A hypervisor host that speaks the vSphere API and shows on itself that its virtual machines are apart.")
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(add --help for more)");
  const host = program.command("host").description("run, stop or look at a host on this machine");
  common(host.command("run"), listenOption())
    .description("run a host in the foreground; Ctrl-C shuts it down, guests first")
    .option("--degraded", "run where the machine withholds what isolation needs; `host status` says what is then weaker")
    .option("--dedicated", "this machine is a host and nothing else: what no rule set of the firewall names is dropped")
    .option("--memory <mib>", "the host's part of the machine's memory: guests and their monitors take no more together", readMemory)
    .addHelpText("after", `\nroot's password is taken from ${PASSWORD_VARIABLE}, or made at the first start.`)
    .action(run);
  common(host.command("stop")).description("shut a running host down, guests first").action(stop);
  common(host.command("status"))
    .description("what a host is and what runs on it; exit code 0: runs, 1: not all of it, 3: does not run")
    .action(status);
  common(program.command("evidence"))
    .description("look at every isolation claim on the live host; exit code 1 when one fails")
    .action(evidence);
  const lockdown = program.command("lockdown").description("who is let in: lockdown mode of a running host, at the machine itself");
  common(lockdown.command("status")).description("the mode, and the users that it does not concern").action(showLockdown);
  common(lockdown.command("off")).description("end it, when nobody is let in any more").action(endLockdown);
  const vswitch = program.command("vswitch").description("look at the virtual switches of a running host");
  common(vswitch.command("list")).description("switches, their uplinks, and what is plugged into which port").action(listSwitches);
  common(vswitch.command("show"))
    .description("the programs of a port: the units that they are compiled from, and their instructions as the kernel has them")
    .requiredOption("--program <port>", "number of a port, as `vswitch list` prints it", readPortNumber)
    .action(showSwitch);
  const memory = program.command("memory").description("look at the memory of running guests");
  common(memory.command("pmap"))
    .description("which machine page is behind each page of a guest: guest physical, monitor virtual, machine")
    .requiredOption("--vm <id>", "number of a running VM, as `bulkhead host status` prints it", readVmNumber)
    .action(showPageMap);
  common(apiUser(program.command("top")))
    .description("what the host and its VMs use, as esxtop shows it: a view that keeps itself up to date, or batches of CSV")
    .option("-d, --delay <seconds>", "between updates, 2 to 86400; 5 when left out", readCount)
    .option("-b, --batch", "comma-separated values, a line for each sample that the host has taken")
    .option("-n, --count <count>", "end after that many", readCount)
    .action(top);
  common(apiUser(program.command("esxcli")))
    .description("the commands of ESXi's esxcli that this host has, as a client of its API; without one: what there is")
    .argument("[words...]", "namespaces, command and its options")
    .addOption(
      new Option("--formatter <formatter>", "how the answer is printed").choices(["xml", "csv", "keyvalue", "json"] satisfies Formatter[]),
    )
    .option("--debug", "accepted, as ESXi asks for it with json")
    .passThroughOptions()
    .action(esxcli);
  common(program.command("start", { hidden: true }), listenOption())
    .option("--degraded")
    .action(demonstrate);
  return program;
}

/** Every command takes all three, so that one set of options fits a whole script; where the host listens matters only when it starts. */
function common(command: Command, listen = listenOption().hideHelp()): Command {
  return command
    .option("--root <dir>", "everything of the host is kept beneath this folder", "/")
    .addOption(listen)
    .option("--json", "print JSON");
}

/** Of a command that is a client of the API. */
function apiUser(command: Command): Command {
  return command
    .option("--user <name>", "in whose name", "root")
    .option("--password-file <file>", `holds the user's password; otherwise ${USER_PASSWORD_VARIABLE} does, or root's first one is read`);
}

function listenOption(): Option {
  const parse = (text: string): ListenAddress => {
    const address = parseListenAddress(text);
    if (address === undefined) throw new InvalidArgumentError("It is ADDR:PORT: 127.0.0.1:8443, 0.0.0.0:443, [::1]:8443.");
    return address;
  };
  return new Option("--listen <addr:port>", "where the API is served").default(parse(DEFAULT_LISTEN), DEFAULT_LISTEN).argParser(parse);
}

function readPortNumber(text: string): number {
  const port = parsePortNumber(text);
  if (port === undefined) throw new InvalidArgumentError("It is a number that `bulkhead vswitch list` prints.");
  return port;
}

const HOST_MEMORY_MIB_MIN = 512; // a monitor under TCG and the smallest guest

function readMemory(text: string): number {
  const mib = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (mib < HOST_MEMORY_MIB_MIN) throw new InvalidArgumentError(`It is a number of MiB, ${HOST_MEMORY_MIB_MIN} or more.`);
  return mib;
}

function readVmNumber(text: string): VmId {
  const vm = parseVmId(text);
  if (vm === undefined) throw new InvalidArgumentError("It is a number that `bulkhead host status` prints.");
  return vm;
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It is a number from 1 on.");
}

function hostOptions({ root, listen, degraded, dedicated, memory }: Options): HostOptions {
  const paths = hostPaths(root);
  if (dedicated === true && paths.root !== "/")
    throw new SystemError("--dedicated is for a host that has the whole machine, and one on --root shares it");
  return { paths, listen, degraded: degraded === true, dedicated: dedicated === true, memoryMiB: memory };
}

async function run(options: Options): Promise<void> {
  const report = options.json ? () => {} : (line: string) => console.log(line);
  await runInForeground(hostOptions(options), report, (host) => {
    const { url, thumbprint, weaknesses } = host;
    if (options.json) console.log(JSON.stringify({ ready: true, url, thumbprint, weaknesses, pids: host.pids() }));
    else console.log(describeReady(host, options).join("\n"));
  });
  process.exit(0);
}

function describeReady({ thumbprint, rootPassword, weaknesses }: RunningHost, { root }: Options): string[] {
  const path = initialPasswordPath(hostPaths(root));
  const password = {
    given: `as ${PASSWORD_VARIABLE} says`,
    made: `in ${path}`,
    kept: `in ${path}, unless it was changed`,
    unknown: "as it was",
  };
  return [
    `certificate   SHA-256 ${thumbprint.sha256}`,
    `user          root, password ${password[rootPassword.kind]}`,
    ...weaknesses.map((weakness) => `DEGRADED      ${weakness}`),
  ];
}

async function stop({ root, json }: Options): Promise<void> {
  requireRoot();
  const stopped = await stopRunningHost(hostPaths(root));
  if (json) console.log(JSON.stringify({ stopped }));
  else console.log(stopped ? "The host has stopped." : `No host runs on ${hostPaths(root).root}.`);
}

async function status({ root, json }: Options): Promise<void> {
  requireRoot();
  const paths = hostPaths(root);
  const found = await readHostStatus(paths, hostRuns(paths));
  console.log(json ? JSON.stringify(statusToJson(found), undefined, 2) : formatStatus(found, paths.root));
  process.exitCode = statusExitCode(found);
}

async function evidence({ root, json }: Options): Promise<void> {
  requireRoot();
  const paths = hostPaths(root);
  const running = readRunFile(paths);
  if (running === undefined) return notRunning(root);
  const found = await lookAtEvidence(paths, running);
  console.log(json ? JSON.stringify(found, undefined, 2) : formatEvidence(found));
  process.exitCode = evidenceExitCode(found);
}

function showLockdown({ root, json }: Options): void {
  requireRoot();
  const found = readLockdownMode(hostPaths(root));
  if (found === undefined) notRunning(root);
  else console.log(json ? JSON.stringify(found) : formatLockdown(found));
}

async function endLockdown({ root, json }: Options): Promise<void> {
  requireRoot();
  const wasOn = await liftLockdown(hostPaths(root));
  if (wasOn === undefined) return notRunning(root);
  console.log(json ? JSON.stringify({ wasOn }) : wasOn ? "Lockdown mode has ended." : "The host was not in lockdown mode.");
}

function notRunning(root: string): void {
  console.error(`bulkhead: no host runs on ${hostPaths(root).root}`);
  process.exitCode = EXIT.notRunning;
}

async function listSwitches({ root, json }: Options): Promise<void> {
  requireRoot();
  const found = await readNetwork(hostPaths(root));
  console.log(json ? JSON.stringify(found, undefined, 2) : formatNetwork(found));
}

async function showSwitch({ root, json, program }: Options & { readonly program: number }): Promise<void> {
  requireRoot();
  const listing = await readProgram(hostPaths(root), program);
  console.log(json ? JSON.stringify({ port: program, listing }, undefined, 2) : listing.join("\n"));
}

async function showPageMap({ root, json, vm }: Options & { readonly vm: VmId }): Promise<void> {
  requireRoot();
  const runs = await readPageMap(hostPaths(root), vm);
  console.log(json ? JSON.stringify(runs, undefined, 2) : formatPageMap(runs));
}

interface ApiOptions extends Options {
  readonly user: string;
  readonly passwordFile?: string;
}

interface TopCommandOptions extends ApiOptions {
  readonly delay?: number;
  readonly batch?: true;
  readonly count?: number;
}

async function top({ root, user, passwordFile, delay, batch, count }: TopCommandOptions): Promise<void> {
  const { runTop } = await import("./top-command.ts"); // the processes of a host need none of it
  await runTop({ paths: hostPaths(root), user, passwordFile, delayS: delay, isBatch: batch === true, count });
}

interface EsxcliCommandOptions extends ApiOptions {
  readonly formatter?: Formatter;
}

async function esxcli(typed: readonly string[], { root, json, user, passwordFile, formatter }: EsxcliCommandOptions): Promise<void> {
  const { runEsxcli } = await import("./esxcli-command.ts"); // the processes of a host need none of it
  const printed = await runEsxcli({
    paths: hostPaths(root),
    user,
    passwordFile,
    formatter: formatter ?? (json ? "json" : undefined),
    typed,
  });
  for (const line of printed.lines) console.log(line);
  process.exitCode = printed.exitCode;
}

async function demonstrate(options: Options): Promise<void> {
  await startDemonstration(hostOptions(options));
  process.exit(0);
}

await main(process.argv);
