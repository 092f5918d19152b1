/** The one place where every request to vmkernel is carried out. */
import { assertNever, type HostPaths } from "../base/index.ts";
import { readClockDiscipline, readConnections, readMachine, readMachineLoad } from "../system/index.ts";
import { type Controls, UNWATCHED } from "./controls.ts";
import type { HostFirewall } from "./firewall/index.ts";
import type { HostNetwork } from "./host-network.ts";
import type { Monitors } from "./monitors.ts";
import { listHostNeighbours } from "./network/index.ts";
import { readLog } from "./read-log.ts";
import type { HostDescription, LoadSample, StreamRequest, VmkernelRequest, VmkernelResults } from "./rpc.ts";
import type { MachineServices } from "./services/index.ts";
import type { Storage } from "./storage/index.ts";

export interface RequestParts {
  readonly paths: HostPaths;
  readonly host: HostDescription;
  readonly storage: Storage;
  readonly monitors: Monitors;
  readonly network: HostNetwork;
  readonly firewall: HostFirewall;
  readonly services: MachineServices;
  /** Powers every guest off and lets the process end once the answer is out. */
  readonly shutdown: (graceMs: number) => Promise<void>;
}

type Result<Kind extends VmkernelRequest["kind"]> = Promise<VmkernelResults[Kind]>;

/** @param request parsed; what it names is checked by who carries it out */
export async function performRequest(
  request: VmkernelRequest,
  { paths, host, storage, monitors, network, firewall, services, shutdown }: RequestParts,
  controls: Controls = UNWATCHED,
): Promise<VmkernelResults[VmkernelRequest["kind"]]> {
  switch (request.kind) {
    case "describeHost":
      return host satisfies VmkernelResults["describeHost"];
    case "describeMachine":
      return readMachine() satisfies Result<"describeMachine">;
    case "listConnections":
      return readConnections() satisfies Result<"listConnections">;
    case "listHostNeighbours":
      return listHostNeighbours(paths.network) satisfies VmkernelResults["listHostNeighbours"];
    case "listDatastores":
      return storage.listDatastores() satisfies Result<"listDatastores">;
    case "createDatastore":
      return nothing(storage.createDatastore(request.name));
    case "renameDatastore":
      monitors.refuseUsing(request.from);
      return nothing(storage.renameDatastore(request));
    case "removeDatastore":
      monitors.refuseUsing(request.name);
      return nothing(storage.removeDatastore(request.name));
    case "readText":
      return storage.readText(request.file, request) satisfies Result<"readText">;
    case "writeText":
      return nothing(storage.writeText(request.file, request.text, { ...request, mustBeNew: request.mustBeNew === true }));
    case "listFolder":
      return storage.listFolder(request.folder) satisfies Result<"listFolder">;
    case "makeFolder":
      return nothing(storage.makeFolder(request.folder));
    case "remove":
      return nothing(storage.remove(request.path));
    case "createDisk":
      return storage.createDisk(request.descriptor, request.disk, controls) satisfies Result<"createDisk">;
    case "describeDisk":
      return storage.describeDisk(request.descriptor) satisfies Result<"describeDisk">;
    case "deleteDisk":
      return nothing(storage.deleteDisk(request.descriptor));
    case "createChildDisk":
      return monitors.createChildDisk(request) satisfies Result<"createChildDisk">;
    case "commitDisk":
      return monitors.commitDisk(request, controls) satisfies Result<"commitDisk">;
    case "snapshotMonitor":
      return monitors.snapshot(request, controls) satisfies Result<"snapshotMonitor">;
    case "copyFile":
      return nothing(storage.copyFile({ ...request, replace: request.replace === true }, controls));
    case "moveFile":
      return storage.moveFile({ ...request, replace: request.replace === true }) satisfies Result<"moveFile">;
    case "copyDisk":
      return storage.copyDisk({ ...request, replace: request.replace === true }, controls) satisfies Result<"copyDisk">;
    case "moveDisk":
      return storage.moveDisk({ ...request, replace: request.replace === true }) satisfies Result<"moveDisk">;
    case "changeDisk":
      return storage.changeDisk(request.descriptor, request.change, controls) satisfies Result<"changeDisk">;
    case "growDisk":
      return monitors.growDisk(request, controls) satisfies Result<"growDisk">;
    case "powerOn":
      return monitors.powerOn(request.machine, request.guestVariables, request.sharingGroup) satisfies Result<"powerOn">;
    case "powerOff":
      return nothing(monitors.guests.powerOff(request.vm));
    case "reset":
      return nothing(monitors.guests.reset(request.vm));
    case "suspend":
      return nothing(monitors.suspend(request.vm, request.to));
    case "shutdownGuest":
      return nothing(monitors.guests.shutdown(request.vm));
    case "rebootGuest":
      return nothing(monitors.guests.reboot(request.vm));
    case "flushGuest":
      return nothing(monitors.guests.flush(request.vm));
    case "sendNmi":
      return nothing(monitors.guests.sendNmi(request.vm));
    case "terminate":
      return nothing(monitors.guests.terminate(request.vm));
    case "retryWrite":
      return nothing(monitors.guests.retryWrite(request.vm));
    case "saveScreen":
      return nothing(monitors.guests.saveScreen(request.vm, request.to));
    case "pressKeys":
      return nothing(monitors.guests.pressKeys(request.vm, request.strokes));
    case "runInGuest":
      return monitors.guests.programsIn(request.vm).run(request.login, request.script) satisfies Result<"runInGuest">;
    case "startInGuest":
      return monitors.guests
        .programsIn(request.vm)
        .start(request.login, request.script, request.commandLine) satisfies Result<"startInGuest">;
    case "listGuestPrograms":
      return monitors.guests.programsIn(request.vm).list() satisfies Result<"listGuestPrograms">;
    case "changeMonitor":
      return monitors.change(request.machine) satisfies Result<"changeMonitor">;
    case "configureNetwork":
      return nothing(network.configure(request.network, { mayCutOff: request.mayCutOff === true }));
    case "describeNetwork":
      return network.describe() satisfies VmkernelResults["describeNetwork"];
    case "readNetworkState":
      return network.state() satisfies VmkernelResults["readNetworkState"];
    case "showProgram":
      return network.showProgram(request.port) satisfies VmkernelResults["showProgram"];
    case "configureResources":
      return nothing(monitors.configureResources(request.resources));
    case "configureFirewall":
      return nothing(firewall.configure(request.firewall));
    case "readFirewallState":
      return firewall.state() satisfies VmkernelResults["readFirewallState"];
    case "describeServices":
      return services.describe() satisfies Result<"describeServices">;
    case "startService":
      return nothing(services.start(request.service));
    case "stopService":
      return nothing(services.stop(request.service));
    case "listMonitors":
      return monitors.list() satisfies VmkernelResults["listMonitors"];
    case "inspectMonitor":
      return monitors.inspect(request.vm) satisfies Result<"inspectMonitor">;
    case "mapMemory":
      return monitors.mapMemory(request.vm) satisfies Result<"mapMemory">;
    case "mapPages":
      return monitors.mapPages(request.vm, request) satisfies Result<"mapPages">;
    case "readClock":
      return readClockDiscipline() satisfies VmkernelResults["readClock"];
    case "sampleLoad":
      return sampleLoad(monitors) satisfies Result<"sampleLoad">;
    case "describeSharing":
      return monitors.describeSharing() satisfies VmkernelResults["describeSharing"];
    case "readLog":
      return readLog(request, { paths, monitors, storage }) satisfies Result<"readLog">;
    case "shutdownHost":
      return nothing(shutdown(request.graceMs));
    default:
      return assertNever(request);
  }
}

/** What became of the connection: these bytes are to be sent on it, or another process has it now. */
export type StreamOutcome = { readonly kind: "send"; readonly bytes: Uint8Array } | { readonly kind: "handedOver" };

/** The one place where every stream is begun. @param connection its descriptor, when it is asked for; throws once it is closed */
export async function performStream(request: StreamRequest, connection: () => number, monitors: Monitors): Promise<StreamOutcome> {
  switch (request.kind) {
    case "openConsole":
      await monitors.guests.openConsole(request.vm, connection);
      return { kind: "handedOver" };
    case "captureScreen":
      return { kind: "send", bytes: await monitors.guests.captureScreen(request.vm) };
    default:
      return assertNever(request);
  }
}

async function sampleLoad(monitors: Pick<Monitors, "loads" | "memoryState">): Promise<LoadSample> {
  const [machine, loads] = [readMachineLoad(), await monitors.loads()];
  return { takenAtMs: Number(process.hrtime.bigint() / NS_PER_MS), machine, memoryState: monitors.memoryState, monitors: loads };
}

const NS_PER_MS = 1_000_000n;

async function nothing(deed: Promise<void>): Promise<null> {
  await deed;
  return null;
}
