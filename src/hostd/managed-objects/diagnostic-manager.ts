/** vim25 DiagnosticManager: the host's logs, line by line or all together with its state as a support bundle. */
import { type DiagnosticManagerLogDescriptor, fault, type MoRef } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { bundleFiles } from "../diagnostics/bundle-files.ts";
import { type LogEntry, logCatalogue } from "../diagnostics/log-catalogue.ts";
import { pickLines, splitLines } from "../diagnostics/log-lines.ts";
import { HOST } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const MARK_CHARACTERS_MAX = 1024;

export const diagnosticManager = {
  type: "DiagnosticManager",
  properties: {},
  methods: {
    QueryDescriptions(agent, { host }): readonly DiagnosticManagerLogDescriptor[] {
      requireThisHost(host);
      return catalogue(agent).map(({ descriptor }) => descriptor);
    },
    async BrowseDiagnosticLog(agent, { host, key, start, lines }) {
      requireThisHost(host);
      const entry = catalogue(agent).find(({ descriptor }) => descriptor.key === key);
      if (entry === undefined) throw fault("InvalidArgument", `This host has no log '${key}'.`, { invalidProperty: "key" });
      return pickLines(splitLines(await agent.logs.read(entry.source), entry.only), start, lines);
    },
    GenerateLogBundles_Task(agent, { host }, call) {
      for (const asked of host ?? []) requireThisHost(asked);
      return generateBundle(agent, call);
    },
    EmitSyslogMark(agent, { message }, call) {
      if (message.length > MARK_CHARACTERS_MAX) {
        throw fault("InvalidArgument", `The mark is longer than ${MARK_CHARACTERS_MAX} characters.`, { invalidProperty: "message" });
      }
      const { userName } = sessionOf(call);
      agent.log(`Mark by ${userName}: ${message}`);
      agent.audit({ id: "syslog.mark", subject: userName, object: "DiagnosticManager", result: "success", comment: message });
    },
  },
} as const satisfies ManagedObjectType<"DiagnosticManager", HostAgent>;

function catalogue({ vms }: HostAgent): readonly LogEntry[] {
  return logCatalogue(vms.list().filter(({ monitor }) => monitor !== undefined));
}

function requireThisHost(host: MoRef<"HostSystem"> | undefined): void {
  if (host === undefined || host.value === HOST.value) return;
  throw fault("InvalidArgument", `This host is ${HOST.value}.`, { invalidProperty: "host" });
}

/** Two at a time would read the same logs twice; the second client is shown the first one's task. */
function generateBundle(agent: HostAgent, call: Call): MoRef<"Task"> {
  const underWay = agent.tasks
    .recent()
    .map((ref) => agent.tasks.find(ref.value))
    .find((task) => task !== undefined && !task.ended && task.info.name === call.method);
  if (underWay !== undefined) {
    throw fault("TaskInProgress", "The operation is not allowed in the current state: another task is already in progress.", {
      task: underWay.ref,
    });
  }
  const { hostName } = agent.identity;
  const task = call.startTask(hostName, { kind: "none" }, async () => {
    const name = await agent.downloads.add(`bulkhead-support-${hostName}`, bundleFiles(agent));
    // vim25: an asterisk stands for the server as the client calls it
    return { anyType: "DiagnosticManagerBundleInfo[]", value: [{ system: HOST, url: `https://*/downloads/${name}` }] };
  });
  return task.ref;
}
