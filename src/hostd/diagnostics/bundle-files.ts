/**
 * What is in a support bundle: the logs, what the host is and is set to, and what is registered and runs on it.
 * Accounts come without their hashes, VMs without what guests are told (extraConfig), events without their sessions; and every text is
 * searched for secrets once more on its way out.
 */
import type { TarFile } from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import type { HostAgent } from "../agent.ts";
import { matchOptions } from "../options/option-catalogue.ts";
import { AUDIT_LOG, HOSTD_LOG, type LogSource } from "./log-catalogue.ts";
import { redact } from "./redact.ts";

const EVENTS_MAX = 1000;
/** Older files beside the newest of each log; those that are not there are left out. */
const OLDER_LOGS = 4;

/** Each file when it is its turn: no more than one is in memory. */
export async function* bundleFiles(agent: HostAgent): AsyncGenerator<TarFile> {
  const modifiedAtMs = agent.clock.now();
  const sessionKeys = agent.sessions.list().flatMap(({ key, secret }) => [key, secret]);
  const file = (name: string, text: string): TarFile => ({ name, bytes: Buffer.from(redact(text, sessionKeys)), modifiedAtMs });
  for (const [name, state] of describeState(agent)) yield file(name, `${JSON.stringify(state, undefined, 2)}\n`);
  for await (const [name, state] of describeMonitors(agent)) yield file(name, `${JSON.stringify(state, undefined, 2)}\n`);
  for (const { name, source } of logsOf(agent)) {
    const text = await agent.logs.read(source).catch((error: unknown) => `This log could not be read: ${String(error)}\n`);
    if (text !== "") yield file(name, text);
  }
}

function describeState(agent: HostAgent): readonly (readonly [name: string, state: unknown])[] {
  const { identity, host, options, accounts, vms, tasks, events } = agent;
  return [
    ["version.json", { about: aboutInfo(identity.instanceUuid), node: process.version, host }],
    ["configuration/options.json", matchOptions(undefined).map((key) => options.show(key))],
    ["configuration/accounts.json", accounts.list().map(({ name, fullName }) => ({ name, fullName }))],
    ["configuration/permissions.json", accounts.permissions()],
    ["configuration/certificate.json", { thumbprint: identity.thumbprint }],
    ["state/datastores.json", agent.datastores()],
    ["state/vms.json", vms.list().map(describeVm)],
    ["state/tasks.json", tasks.recent().map((ref) => tasks.find(ref.value)?.info)],
    ["state/events.json", events.query({ maxCount: EVENTS_MAX }).map(describeEvent)],
  ];
}

function describeVm(vm: ReturnType<HostAgent["vms"]["list"]>[number]): unknown {
  const { id, name, vmxPath, powerState, monitor, files } = vm;
  const common = { id, name, vmxPath, powerState, monitor };
  if (files.kind === "unreadable") return { ...common, unreadable: files.because };
  const { guestId, version, firmware, hardware } = files.config;
  return { ...common, guestId, version, firmware, hardware };
}

function describeEvent(event: ReturnType<HostAgent["events"]["query"]>[number]): unknown {
  const { key, createdTime, userName, fullFormattedMessage } = event;
  return { key, type: event.$type, createdTime, userName, fullFormattedMessage };
}

/** What evidence looks at: each running monitor as its processes and QEMU itself tell. */
async function* describeMonitors({ vms }: HostAgent): AsyncGenerator<readonly [name: string, state: unknown]> {
  for (const { id, monitor } of vms.list()) {
    if (monitor === undefined) continue;
    // It may have ended meanwhile; that it did is what the bundle then says.
    const state = await vms.vmkernel.request({ kind: "inspectMonitor", vm: id }).catch((error: unknown) => ({ error: String(error) }));
    yield [`state/monitors/${id}.json`, state];
  }
}

function logsOf({ vms }: HostAgent): readonly { readonly name: string; readonly source: LogSource }[] {
  const ages = Array.from({ length: OLDER_LOGS + 1 }, (_, age) => ({ age, suffix: age === 0 ? "" : `.${age}` }));
  const own = [HOSTD_LOG, AUDIT_LOG].flatMap((log) =>
    ages.map(({ suffix }) => ({ name: `logs/${log}${suffix}`, source: { kind: "own" as const, file: `${log}${suffix}` } })),
  );
  const host = ages.map(({ age, suffix }) => ({ name: `logs/host.log${suffix}`, source: rootsLog({ name: "host", age }) }));
  const running = vms.list().filter(({ monitor }) => monitor !== undefined);
  const monitors = running.flatMap(({ id }) => [
    { name: `logs/monitors/${id}.log`, source: rootsLog({ name: "monitor", vm: id }) },
    { name: `logs/vms/${id}.log`, source: rootsLog({ name: "vm", vm: id }) },
  ]);
  return [...own, ...host, ...monitors];
}

const rootsLog = (log: Extract<LogSource, { kind: "vmkernel" }>["log"]): LogSource => ({ kind: "vmkernel", log });
