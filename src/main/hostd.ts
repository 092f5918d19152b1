/**
 * The hostd process: the host agent behind HTTPS, as user `bulkhead`, with no capability and no network but the socket it is given.
 *
 * The supervisor passes the listening socket as descriptor 3 and writes one JSON line to its standard input; the end of that
 * input is the order to stop, before which it may be told to stop its guests in order. One JSON line on standard output says that it is ready.
 */
import { createInterface } from "node:readline";
import { defer, hostPaths, messageWithCauses, systemClock } from "../base/index.ts";
import {
  accessFile,
  accessNfc,
  captureScreen,
  changeLockdownMode,
  createAgent,
  invoke,
  openConsole,
  openDatabase,
  openDownload,
  openGuestFile,
  performedApi,
  takeGuestFile,
} from "../hostd/index.ts";
import {
  createFolderDoor,
  createGuestFileDoor,
  createNfcDoor,
  createScreenDoor,
  type SdkRefusal,
  type SdkServer,
  startSdkServer,
} from "../interfaces/index.ts";
import { CertificateStore, type Thumbprint } from "../management/index.ts";
import { openAppendLog } from "../system/index.ts";
import { askToListen, createFileDoor, HOLD_MS, VmkernelClient } from "../vmkernel/index.ts";
import { LIFT_LOCKDOWN, STOP_GUESTS } from "./hostd-messages.ts";

/** The supervisor's first line. */
interface Instructions {
  readonly root: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly hostName: string;
  /** Addresses that the certificate is made for. */
  readonly addresses: readonly string[];
  readonly rootPasswordHash?: string;
  /** Names this start of the host: VMs are started automatically once for each. */
  readonly hostStart: string;
}

const LISTENING_SOCKET = 3;
const LOG_BOUND = { bytesMax: 4 * 2 ** 20, olderMax: 2 };
const AUDIT_BOUND = { bytesMax: 16 * 2 ** 20, olderMax: 4 }; // months of a busy host's calls

async function main(): Promise<void> {
  const input = createInterface({ input: process.stdin });
  const { value: line } = await input[Symbol.asyncIterator]().next();
  if (typeof line !== "string") throw new Error("no instructions on standard input");
  const instructions = JSON.parse(line) as Instructions;
  const paths = hostPaths(instructions.root);

  const { hostName, addresses } = instructions;
  const certificates = await CertificateStore.open(paths.hostdState, { hostName, addresses }, systemClock);
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket, HOLD_MS);
  const database = openDatabase(`${paths.hostdState}/hostd.db`);
  const audit = openAppendLog(`${paths.hostdState}/audit.log`, AUDIT_BOUND);
  const log = openAppendLog(`${paths.hostdState}/hostd.log`, LOG_BOUND);
  const onBug = (error: unknown): void => console.error(error);
  const server = defer<SdkServer>();
  const agent = await createAgent({
    database,
    vmkernel,
    files: createFileDoor(paths.filesSocket),
    clock: systemClock,
    identity: {
      hostName,
      address: instructions.listen.host,
      port: instructions.listen.port,
    },
    certificates,
    rootPasswordHash: instructions.rootPasswordHash,
    stateFolder: paths.hostdState,
    // It listens there before it answers: whoever connects waits until the agent is whole.
    serveOn: async (device) => {
      const fd = await askToListen(paths.filesSocket, { device, port: instructions.listen.port });
      return (await server.promise).serveOn(fd);
    },
    writeLog: (line) => log.append(line),
    writeAudit: (record) => audit.append(record),
    powerHost: (powerHost) => console.log(JSON.stringify({ powerHost })),
    onBug,
  });
  await agent.performance.start();
  const onRefused = ({ clientAddress, reason }: SdkRefusal) =>
    agent.audit({ id: "api.call", subject: "", object: "", result: "failure", reason, ip: clientAddress });
  const sdk = await startSdkServer({
    listen: { fd: LISTENING_SOCKET },
    tls: certificates.current,
    performed: performedApi(),
    folder: createFolderDoor({ access: (request, deed) => accessFile(agent, request, deed), onRefused, onBug }),
    onBug,
    guestFile: createGuestFileDoor({
      open: (request) => openGuestFile(agent, request),
      take: (request, body) => takeGuestFile(agent, request, body),
      onBug,
    }),
    nfc: createNfcDoor({ access: (request, deed) => accessNfc(agent, request, deed), onBug }),
    screen: createScreenDoor({ capture: (request) => captureScreen(agent, request), onBug }),
    openConsole: ({ ticket, clientAddress, userAgent }) => openConsole(agent, { ticket, client: { address: clientAddress, userAgent } }),
    onRefused,
    openDownload: ({ sessionKey, clientAddress, userAgent, name }) =>
      openDownload(agent, { sessionSecret: sessionKey, client: { address: clientAddress, userAgent }, name }),
    invoke: async (call) => {
      const reply = await invoke(agent, {
        sessionSecret: call.sessionKey,
        client: { address: call.clientAddress, userAgent: call.userAgent },
        target: call.thisRef,
        method: call.method,
        args: call.args,
        operationId: call.operationId,
        version: call.version,
        signal: call.signal,
      });
      const { value: returnValue, type: returnType, setSession } = reply;
      return { returnValue, returnType, ...(setSession === undefined ? {} : { setSession }) };
    },
  });

  const sayThumbprint = ({ sha1, sha256 }: Thumbprint): string => JSON.stringify({ thumbprint: { sha1, sha256 } });
  certificates.servedBy((certificate) => {
    sdk.serveWith(certificate);
    console.log(sayThumbprint(certificate));
  });
  agent.lockdown.watch((lockdown) => console.log(JSON.stringify({ lockdown })));
  server.resolve(sdk);

  input.on("line", async (order) => {
    if (order === LIFT_LOCKDOWN) return changeLockdownMode(agent, "lockdownDisabled", { userName: "root", address: "the machine itself" });
    if (order !== STOP_GUESTS) return;
    agent.hostState.isShuttingDown = true;
    console.log(JSON.stringify({ stopsWithinMs: agent.autoStart.stopsWithinMs }));
    await agent.autoStart.stopAll().catch(onBug);
    console.log(JSON.stringify({ guestsStopped: true }));
  });
  input.on("close", async () => {
    await sdk.close();
    agent.leases.close();
    await agent.tasks.drain();
    database.close();
    process.exit(0);
  });
  const { sha1, sha256 } = certificates.current;
  console.log(JSON.stringify({ ready: true, thumbprint: { sha1, sha256 } }));
  agent.autoStart.onHostStart(instructions.hostStart);
  agent.services.onHostStart(instructions.hostStart).catch(onBug);
}

main().catch((error: unknown) => {
  console.error(messageWithCauses(error));
  process.exit(1);
});
