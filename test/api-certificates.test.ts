import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { makeAuthority } from "../src/management/authority.fixture.ts";
import type { HostCertificateManagerCertificateInfo, HostConfigInfo, HostListSummary, MoRef } from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { read, succeeded } from "./vm.ts";

/** The host's certificate over the wire: asked for, signed by an authority elsewhere, installed, and served without a break. */
const HOST = moRef("HostSystem", "ha-host");
const MANAGER = moRef("HostCertificateManager", "ha-certificate-manager");
const DIAGNOSTICS = moRef("DiagnosticManager", "ha-diagnosticmgr");
const READ_ONLY = -2;
let host: TestAgent;
let client: VimClient;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

/** SHA-256 of what the host shows to who comes now. */
function shown(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: host.port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("a certificate that an authority signed for the host's request is served at once, on no open connection, and after a restart", async () => {
  const before = await shown();
  const waiting = connect({ host: "127.0.0.1", port: host.port, rejectUnauthorized: false });
  await new Promise((resolve) => waiting.once("secureConnect", resolve));
  const authority = await makeAuthority("Lab CA");
  const request = await client.call(MANAGER, "GenerateCertificateSigningRequest", { useIpAddressAsCommonName: false });
  const cert = await authority.sign(request);
  const { fingerprint, fingerprint256 } = new X509Certificate(cert);
  await client.call(MANAGER, "InstallServerCertificate", { cert });
  await client.call(MANAGER, "NotifyAffectedServices", {});
  expect(await shown()).toBe(fingerprint256);
  expect(fingerprint256).not.toBe(before);

  expect(await read(client, MANAGER, "certificateInfo")).toMatchObject({
    issuer: "CN=Lab CA",
    subject: "CN=host1",
  } satisfies Partial<HostCertificateManagerCertificateInfo>);
  expect(((await read(client, HOST, "summary")) as HostListSummary).config?.sslThumbprint).toBe(fingerprint);
  const der = ((await read(client, HOST, "config")) as HostConfigInfo).certificate ?? [];
  expect(new X509Certificate(Buffer.from(der)).fingerprint256).toBe(fingerprint256);
  expect(host.audit.some((line) => line.includes("cert.server.install") && line.includes(fingerprint256))).toBe(true);
  const answered = new Promise<string>((resolve) => waiting.once("data", (bytes) => resolve(String(bytes))));
  waiting.write("GET /sdk/vimServiceVersions.xml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await answered, "who was there before goes on").toContain("200 OK");

  client.close();
  await host.stop({ keepFolder: true });
  host = await startAgent(host.folder);
  client = await host.login();
  expect(await shown()).toBe(fingerprint256);
});

test("what is no certificate for this host is refused by name and changes nothing, and who may not is not asked further", async () => {
  const before = await shown();
  const install = (cert: string, by = client) => faultOf(by.call(MANAGER, "InstallServerCertificate", { cert }));
  const own = readFileSync(join(host.folder, "rui.key"), "utf8");
  const authority = await makeAuthority("Lab CA");
  const request = await client.call(MANAGER, "GenerateCertificateSigningRequestByDn", { distinguishedName: "CN=host1, O=Lab" });
  const expired = await authority.sign(request, { fromMs: Date.now() - 2000, toMs: Date.now() - 1000 });
  for (const cert of ["garbage", expired, authority.cert, own]) expect((await install(cert)).fault).toBe("HostConfigFault");
  await client.call(MANAGER, "GenerateCertificateSigningRequest", { useIpAddressAsCommonName: true });
  expect((await install(await authority.sign(request))).message).toContain("a key that this host does not have");
  expect(await shown()).toBe(before);

  await using reader = await host.login(READ_ONLY);
  expect((await install("garbage", reader)).fault).toBe("NoPermission");
  const wrong = { distinguishedName: "host1" };
  expect((await faultOf(client.call(MANAGER, "GenerateCertificateSigningRequestByDn", wrong))).fault).toBe("InvalidArgument");
  const other = { useIpAddressAsCommonName: false, spec: { kind: "VASAClient" } };
  expect((await faultOf(client.call(MANAGER, "GenerateCertificateSigningRequest", other))).fault).toBe("NotSupported");
});

test("authorities that are trusted are listed, and are who must have signed", async () => {
  const [authority, other] = [await makeAuthority("Lab CA"), await makeAuthority("Another")];
  const replace = (caCert: readonly string[], caCrl: readonly string[] = []) =>
    client.call(MANAGER, "ReplaceCACertificatesAndCRLs", { caCert, caCrl });
  expect((await faultOf(replace(["garbage"]))).fault).toBe("HostConfigFault");
  await replace([authority.cert], [await authority.revoke()]);
  const listed = (await client.call(MANAGER, "ListCACertificates", {})) as readonly string[];
  expect(listed.map((pem) => new X509Certificate(pem).subject)).toEqual(["CN=Lab CA"]);
  expect(await client.call(MANAGER, "ListCACertificateRevocationLists", {})).toHaveLength(1);
  const request = await client.call(MANAGER, "GenerateCertificateSigningRequest", { useIpAddressAsCommonName: false });
  expect((await faultOf(client.call(MANAGER, "InstallServerCertificate", { cert: await other.sign(request) }))).fault).toBe(
    "HostConfigFault",
  );
  await client.call(MANAGER, "InstallServerCertificate", { cert: await authority.sign(request) });
});

test("no private key is in a support bundle", async () => {
  const task = await client.call(DIAGNOSTICS, "GenerateLogBundles_Task", { includeDefault: true });
  const [bundle] = (await succeeded(client, task as MoRef)) as readonly { url: string }[];
  const name = bundle?.url.split("/").at(-1) ?? "";
  const text = gunzipSync(readFileSync(join(host.folder, "downloads", name))).toString("latin1");
  expect(text).toContain("certificate.json");
  expect(text).not.toContain("PRIVATE KEY");
});
