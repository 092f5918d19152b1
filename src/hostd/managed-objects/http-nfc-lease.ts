/** vim25 HttpNfcLease: the files of a VM on their way in or out. It belongs to the session that asked for it. */
import type { ManagedObjectType } from "../managed-object.ts";
import type { Lease } from "../nfc/lease.ts";

export const httpNfcLease = {
  type: "HttpNfcLease",
  properties: {
    initializeProgress: ({ state }) => (state === "initializing" ? 0 : 100),
    transferProgress: (lease) => lease.transferProgress,
    mode: () => "pushOrGet",
    capabilities: () => ({ pullModeSupported: false, corsSupported: false }),
    info: (lease) => lease.info,
    state: (lease) => lease.state,
    error: (lease) => lease.error,
  },
  methods: {
    HttpNfcLeaseProgress: (lease, { percent }) => lease.progress(percent),
    HttpNfcLeaseComplete: (lease) => lease.complete(),
    HttpNfcLeaseAbort: (lease, { fault }) => lease.abort(fault),
    HttpNfcLeaseGetManifest: (lease) => lease.manifest(),
    HttpNfcLeaseSetManifestChecksumType: (lease, { deviceUrlsToChecksumTypes }) => lease.setChecksumTypes(deviceUrlsToChecksumTypes ?? []),
  },
} as const satisfies ManagedObjectType<"HttpNfcLease", Lease>;
