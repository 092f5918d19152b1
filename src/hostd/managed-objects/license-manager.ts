/**
 * vim25 LicenseManager: this product is free software, so there is one licence, it is always there, and no key changes anything.
 * What would enter, edit or count licence keys answers with a fault that says so.
 */
import { type AnyValue, fault, type LicenseManagerLicenseInfo, type LocalLicenseSource } from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

/** Clients want a key to show; this one is what they know as "none". */
const NO_KEY = "00000-00000-00000-00000-00000";

export const licenseManager = {
  type: "LicenseManager",
  properties: {
    source: () => localSource,
    sourceAvailable: () => true,
    licensedEdition: () => "",
    licenses: (agent) => [theLicense(agent)],
    evaluation: () => ({ properties: [] }), // nothing is being evaluated, so nothing expires
  },
  methods: {
    DecodeLicense: (agent, { licenseKey }) => requireOwnKey(agent, licenseKey),
    AddLicense: (agent, { licenseKey, labels }) => keepLicense(agent, licenseKey, labels),
    UpdateLicense: (agent, { licenseKey, labels }) => keepLicense(agent, licenseKey, labels),
    RemoveLicense(agent, { licenseKey }) {
      requireOwnKey(agent, licenseKey);
      throw fault("NotSupported", "The operation is not supported on the object. The licence is the product's own and stays.", {});
    },
    QueryLicenseUsage: () => ({ source: localSource, sourceAvailable: true }),
    QueryLicenseSourceAvailability: () => [],
    QuerySupportedFeatures: () => [],
  },
} as const satisfies ManagedObjectType<"LicenseManager", HostAgent>;

const localSource: LocalLicenseSource = { $type: "LocalLicenseSource", licenseKeys: "" };

function theLicense({ identity }: HostAgent): LicenseManagerLicenseInfo {
  const { fullName, version } = aboutInfo(identity.instanceUuid);
  const text = (value: string): AnyValue => ({ anyType: "string", value });
  return {
    licenseKey: NO_KEY,
    editionKey: "bulkhead.apache-2.0",
    name: "Bulkhead, free software under the Apache License 2.0",
    total: 0, // vim25: as many as one likes
    used: 1,
    costUnit: "server",
    properties: [
      { key: "ProductName", value: text(fullName) },
      { key: "ProductVersion", value: text(version) },
    ],
  };
}

/** What changes nothing succeeds; labels would have to be kept, and this host keeps none. */
function keepLicense(agent: HostAgent, licenseKey: string, labels: readonly unknown[] | undefined): LicenseManagerLicenseInfo {
  const license = requireOwnKey(agent, licenseKey);
  if (labels === undefined || labels.length === 0) return license;
  throw fault("NotSupported", "The operation is not supported on the object. A licence has no labels here.", {});
}

function requireOwnKey(agent: HostAgent, licenseKey: string): LicenseManagerLicenseInfo {
  if (licenseKey === NO_KEY) return theLicense(agent);
  throw fault("InvalidArgument", "This host takes no licence keys: it needs none.", { invalidProperty: "licenseKey" });
}
