export { changeLockdownMode } from "./access-control/lockdown.ts";
export { captureScreen, type ScreenRequest } from "./console/capture-screen.ts";
export { openConsole } from "./console/open-console.ts";
export { type AgentParts, createAgent } from "./create-agent.ts";
export { type Connection, lookInto, openDatabase } from "./database.ts";
export { type Download, type DownloadRequest, openDownload } from "./diagnostics/downloads.ts";
export {
  accessFile,
  type FileAccess,
  type FileAccessRequest,
  type FileMethod,
  type FileOutcome,
} from "./files/http-access.ts";
export {
  type GuestFileBody,
  type GuestFileContents,
  openGuestFile,
  type TransferRequest,
  takeGuestFile,
} from "./guest-operations/transfers.ts";
export type { HostPowerOperation } from "./host-power/power-host.ts";
export type { HttpCredentials } from "./http-credentials.ts";
export { invoke, type Reply, type Request } from "./invoke.ts";
export { type NetworkOnRecord, networkOnRecord } from "./network/stored-network.ts";
export { accessNfc, type NfcAccess, type NfcMethod, type NfcOutcome, type NfcRequest } from "./nfc/access-nfc.ts";
export type { MovedFile } from "./nfc/lease.ts";
export { type PerformedMethod, type PerformedType, performedApi, performedMethods } from "./performed-api.ts";
