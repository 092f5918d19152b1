/** `npm start`: a host, a real guest on it, and what to try next. Stays until Ctrl-C. */
import { relative } from "node:path";
import { buildGuest } from "../../../guest/build.mjs";
import { hostPaths, messageOf } from "../../base/index.ts";
import { type Evidence, summarize } from "../../evidence/index.ts";
import { connectVim, moRef, type VimClient } from "../../interfaces/index.ts";
import { VmkernelClient } from "../../vmkernel/index.ts";
import { lookAtEvidence } from "../evidence-command.ts";
import { type Foreground, runInForeground } from "../foreground.ts";
import type { HostOptions, RunningHost } from "../host-run.ts";
import { DEFAULT_LISTEN, formatListenAddress } from "../listen-address.ts";
import { INSTALLATION } from "../machine.ts";
import { initialPasswordPath, PASSWORD_VARIABLE } from "../root-password.ts";
import { readRunFile } from "../run-file.ts";
import { runDemoVm } from "./demo-vm.ts";
import { makeManagementNic } from "./management-nic.ts";

/** @throws {SystemError} one line for people; then the host that was started is stopped again */
export async function startDemonstration(options: HostOptions): Promise<void> {
  const report = timedReport();
  let isShown = false; // a host that is rebooted has its VM
  await runInForeground(options, report, async (host, foreground) => {
    if (!isShown) await show(host, foreground, options, report);
    isShown = true;
  });
}

async function show(host: RunningHost, { isStopping }: Foreground, options: HostOptions, report: (line: string) => void): Promise<void> {
  try {
    const console = await demonstrate(host, options, report);
    const evidence = await gather(options);
    print(describe(host, { options, console, evidence }));
  } catch (error) {
    // What a host that is being stopped no longer answers is no failure.
    if (!isStopping()) {
      await host.stop(0);
      throw error;
    }
  }
}

function timedReport(): (line: string) => void {
  const start = performance.now();
  return (line) => console.log(`[${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s] ${line}`);
}

async function demonstrate(host: RunningHost, { paths }: HostOptions, report: (line: string) => void): Promise<readonly string[]> {
  await using client = await logIn(host, initialPasswordPath(paths));
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
  try {
    const management = await makeManagementNic(client);
    if (management !== undefined) report(management);
    const console = await runDemoVm({ client, vmkernel, report, buildImage: () => buildGuest({ report }).image });
    report("the guest is up");
    return console;
  } finally {
    vmkernel.close();
  }
}

async function logIn({ url, thumbprint, rootPassword }: RunningHost, passwordFile: string): Promise<VimClient> {
  const ways = `give root's as ${PASSWORD_VARIABLE}`;
  if (rootPassword.kind === "unknown") throw new Error(`root's password is not in ${passwordFile} any more: ${ways}`);
  const client = await connectVim({ url, thumbprint: thumbprint.sha256 });
  try {
    const { password } = rootPassword;
    await client.call(moRef("SessionManager", "ha-sessionmgr"), "Login", { userName: "root", password });
    return client;
  } catch (error) {
    client.close();
    if (rootPassword.kind !== "kept") throw error;
    throw new Error(`the password in ${passwordFile} is root's no more (${messageOf(error)}): ${ways}`, { cause: error });
  }
}

async function gather({ paths }: HostOptions): Promise<readonly Evidence[]> {
  const running = readRunFile(paths);
  return running === undefined ? [] : lookAtEvidence(paths, running);
}

interface Shown {
  readonly options: HostOptions;
  readonly console: readonly string[];
  readonly evidence: readonly Evidence[];
}

function describe({ url, thumbprint, rootPassword, weaknesses }: RunningHost, { options, console, evidence }: Shown): string[] {
  const isElsewhere = options.paths.root !== hostPaths("/").root;
  const root = isElsewhere ? ` --root ${options.paths.root}` : "";
  const command = relative(process.cwd(), `${INSTALLATION}/bin/bulkhead`) || "bin/bulkhead";
  const listen = formatListenAddress(options.listen);
  const passwordFile = isElsewhere && rootPassword.kind !== "given" ? ` --password-file ${initialPasswordPath(options.paths)}` : "";
  const example = `examples/first-session.py${listen === DEFAULT_LISTEN ? "" : ` --url ${url}`}${passwordFile}`;
  const password = "password" in rootPassword && rootPassword.kind !== "given" ? rootPassword.password : `as ${PASSWORD_VARIABLE} says`;
  return [
    "",
    "The guest's console:",
    ...console.map((line) => `  | ${line}`),
    "",
    `URL          ${url}`,
    `Certificate  SHA-256 ${thumbprint.sha256}`,
    `             SHA-1   ${thumbprint.sha1}`,
    "User         root",
    `Password     ${password}`,
    ...weaknesses.map((weakness) => `DEGRADED     ${weakness}`),
    `Evidence     ${summarize(evidence)}`,
    ...evidence.filter(({ verdict }) => verdict !== "pass").map(({ verdict, claim }) => `             ${verdict}: ${claim}`),
    "",
    "Try next, in another terminal:",
    `  ${command} host status${root}`,
    `  ${command} evidence${root}`,
    `  /usr/bin/python3 ${example}`,
    "",
    "Ctrl-C shuts the host down, its guests included.",
  ];
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}
