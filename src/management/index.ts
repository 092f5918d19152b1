export * from "./certificate-store.ts";
export { type HostCertificate, loadOrCreateCertificate, type Thumbprint, thumbprintOf } from "./certificates.ts";
export type { HostNames } from "./signing-request.ts";
