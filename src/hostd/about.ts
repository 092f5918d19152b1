/**
 * What the host says it is. The identity is ESXi's where clients parse it; the full name says who we are. Pure.
 * Source: the vSphere Web Services API (`about`).
 */
import type { AboutInfo } from "../wire/index.ts";

/** The API version that the schema was taken from. */
const API_VERSION = "8.0.3.0";
/** Clients want X.Y.Z and a build of digits alone. */
const VERSION = "8.0.3";
const BUILD = "1";
const PRODUCT = "Bulkhead 0.1.0";

export function aboutInfo(instanceUuid: string): AboutInfo {
  return {
    name: "VMware ESXi",
    fullName: `${PRODUCT} (vSphere API ${VERSION})`,
    vendor: "Bulkhead",
    version: VERSION,
    patchLevel: "0",
    build: BUILD,
    localeVersion: "INTL",
    localeBuild: "000",
    osType: "vmnix-x86",
    productLineId: "embeddedEsx",
    apiType: "HostAgent",
    apiVersion: API_VERSION,
    instanceUuid,
    licenseProductName: "VMware ESX Server",
    licenseProductVersion: "8.0",
  };
}
