export { createScreenDoor, type ScreenDoor } from "./console/screen-door.ts";
export type { DownloadCall, OpenDownload } from "./downloads/download-door.ts";
export { createFolderDoor, type FolderDoor, type FolderLimits } from "./files/folder-door.ts";
export { createGuestFileDoor, type GuestFileDoor } from "./guest-file/guest-file-door.ts";
export type { SdkCall, SdkRefusal, SdkReply } from "./sdk/answer.ts";
export { type ConnectOptions, connectVim, type HostTrust, moRef, SERVICE_INSTANCE, type VimClient } from "./sdk/client.ts";
export { mutateRequest, randomOf } from "./sdk/mutate.ts";
export { type SdkLimits, type SdkServer, type SdkServerOptions, startSdkServer } from "./sdk/server.ts";
export { formatSessionCookie, readSessionCookie } from "./sdk/session-cookie.ts";
