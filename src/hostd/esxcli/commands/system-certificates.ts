/** `esxcli system security certificatestore`: the authorities that the host trusts, as HostCertificateManager has them. */
import { X509Certificate } from "node:crypto";
import type { MoRef } from "../../../wire/index.ts";
import { HOST_MANAGERS } from "../../inventory-tree.ts";
import { onOneLine } from "../../managed-objects/host-access.ts";
import { blocks, command, struct } from "../command.ts";

const MANAGER: MoRef<"HostCertificateManager"> = HOST_MANAGERS.certificateManager;

export const certificateCommands = [
  command("system security certificatestore list", {
    help: "List the certificates of the authorities that the host trusts.",
    privilege: "Certificate.Manage",
    result: blocks(struct("Certificate", { Issuer: "string", Subject: "string", Serial: "string" })),
    run: async (host) =>
      ((await host.call(MANAGER, "ListCACertificates", {})) ?? []).map((pem) => {
        const { issuer, subject, serialNumber } = new X509Certificate(pem);
        return { Issuer: onOneLine(issuer), Subject: onOneLine(subject), Serial: serialNumber };
      }),
  }),
];
