import { X509Certificate } from "node:crypto";
import { copyFile, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../base/index.ts";
import { type Authority, makeAuthority, x509 } from "./authority.fixture.ts";
import { CertificateStore } from "./certificate-store.ts";

const DAY_MS = 86_400_000;
const names = { hostName: "host1.example", addresses: ["192.0.2.7"] };
/** A host that has a certificate of its own: made once, for each test begins with a copy of it. */
let born: string;
let folder: string;
let authority: Authority;
let store: CertificateStore;
let served: string[];

const open = async (): Promise<CertificateStore> => {
  const opened = await CertificateStore.open(folder, names, systemClock);
  opened.servedBy(({ sha256 }) => void served.push(sha256));
  return opened;
};

beforeAll(async () => {
  born = await mkdtemp(join(tmpdir(), "certificates-"));
  await CertificateStore.open(born, names, systemClock);
  authority = await makeAuthority("Lab CA");
});
afterAll(() => rm(born, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certificates-"));
  for (const file of await readdir(born)) await copyFile(join(born, file), join(folder, file));
  served = [];
  store = await open();
});
afterEach(() => rm(folder, { recursive: true }));

const refusal = async (pem: string): Promise<string> => {
  const before = { ...store.current };
  const error = await store.install(pem).then(
    () => undefined,
    (thrown: Error & { fault?: string }) => thrown,
  );
  expect(error?.fault).toBe("HostConfigFault");
  expect(store.current).toEqual(before);
  expect((await open()).current.sha256, "and after a restart").toBe(before.sha256);
  expect(served).toEqual([]);
  return error?.message ?? "";
};

test("a certificate for the host's request is served, kept over a restart, and its key is its owner's alone", async () => {
  const before = store.current.sha256;
  const cert = await authority.sign(await store.requestFor("hostName"));
  const { sha256 } = await store.install(cert);
  expect(sha256).toBe(new X509Certificate(cert).fingerprint256);
  expect(sha256).not.toBe(before);
  expect(served).toEqual([sha256]);
  const next = await open();
  expect(next.current.sha256).toBe(sha256);
  expect(new X509Certificate(next.current.cert).subject).toBe("CN=host1.example");
  expect((await stat(join(folder, "rui.key"))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["rui.crt", "rui.key"]);
  await store.install(await authority.sign(await store.requestFor("address"))); // and another in its place
  expect(new X509Certificate(store.current.cert).subject).toBe("CN=192.0.2.7");
});

test("a crash between its two steps is made good by the next start", async () => {
  const cert = await authority.sign(await store.requestForName("CN=host1, O=Lab"));
  await writeFile(join(folder, "rui.crt"), cert); // the first step, and then nothing
  expect((await open()).current.sha256).toBe(new X509Certificate(cert).fingerprint256);
  expect(await readdir(folder)).toEqual(["rui.crt", "rui.key"]);
});

test("a certificate that the host cannot be known by is refused by its reason, and the old one is served on", async () => {
  const stranger = await mkdtemp(join(tmpdir(), "certificates-"));
  const strangers = await CertificateStore.open(stranger, names, systemClock);
  const foreign = await authority.sign(await strangers.requestFor("hostName"));
  await rm(stranger, { recursive: true });
  const first = await store.requestFor("hostName");
  const request = await store.requestFor("hostName");
  const sign = (wish: Parameters<Authority["sign"]>[1]) => authority.sign(request, wish);
  expect(await refusal(foreign)).toContain("a key that this host does not have");
  expect(await refusal(await authority.sign(first)), "an older request").toContain("a key that this host does not have");
  expect(await refusal(await sign({ fromMs: Date.now() - 2 * DAY_MS, toMs: Date.now() - DAY_MS }))).toContain("has expired");
  expect(await refusal(await sign({ fromMs: Date.now() + DAY_MS }))).toContain("is not valid before");
  expect(await refusal(await sign({ isAuthority: true }))).toContain("an authority's own");
  expect(await refusal(await sign({ purpose: x509.ExtendedKeyUsage.clientAuth }))).toContain("not for a server");
  const good = await sign({});
  expect(await refusal(good + (await makeAuthority("Lab CA")).cert), "another authority of the same name").toContain("do not lead");
  expect(await refusal(`${good}${store.current.key}`)).toContain("something else than certificates");
  for (const garbage of [
    "",
    "garbage",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    good.slice(0, 200),
    "A".repeat(70_000),
  ]) {
    await refusal(garbage);
  }
});

test("a certificate that cannot be served is refused, and nothing of it is kept", async () => {
  const cert = await authority.sign(await store.requestFor("hostName"));
  store.servedBy(() => {
    throw new Error("ca md too weak");
  });
  expect(await refusal(cert)).toContain("ca md too weak");
});

test("where authorities are trusted, one of them must have signed it, by however many between, and not have taken it back", async () => {
  const between = await authority.beneath("Lab CA 2");
  await store.trusted.replace([authority.cert], []);
  const request = await store.requestFor("hostName");
  const [cert, other] = [await between.sign(request), await (await makeAuthority("Another")).sign(request)];
  expect(await refusal(other)).toContain("no authority that this host trusts");
  expect(await refusal(cert), "without those between").toContain("no authority that this host trusts");
  await store.trusted.replace([authority.cert, between.cert], [await between.revoke(cert)]);
  expect(await refusal(cert + between.cert)).toContain("taken it back");
  await store.trusted.replace([authority.cert], [await authority.revoke(between.cert)]);
  expect(await refusal(cert + between.cert)).toContain("taken it back");
  await store.trusted.replace([authority.cert], [await authority.revoke()]);
  await store.install(cert + between.cert);
  expect(store.current.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect((await open()).trusted.certificates.map((pem) => new X509Certificate(pem).subject)).toEqual(["CN=Lab CA"]);
});

test("authorities and what they have taken back are replaced as a whole or stay as they are", async () => {
  const other = await makeAuthority("Another");
  await store.trusted.replace([authority.cert], []);
  const refused = (certificates: readonly string[], crls: readonly string[]) =>
    expect(store.trusted.replace(certificates, crls)).rejects.toMatchObject({ fault: "HostConfigFault" });
  await refused(["garbage"], []);
  await refused([store.current.cert], []); // no authority's
  await refused([authority.cert + other.cert], []);
  await refused([other.cert], ["garbage"]);
  await refused([other.cert], [await authority.revoke()]);
  await refused([authority.cert], [await authority.revokeForEver(other.cert)]);
  expect(store.trusted.certificates.map((pem) => new X509Certificate(pem).fingerprint256)).toEqual([
    new X509Certificate(authority.cert).fingerprint256,
  ]);
  await store.trusted.replace([], []);
  expect((await open()).trusted.certificates).toEqual([]);
});
