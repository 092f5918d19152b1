/**
 * Finding entities by what people know of them: vim25 SearchIndex. Pure, over a snapshot of the inventory.
 * A miss is nothing, never a fault. Source: the vSphere Web Services API on the wire.
 */
import { parseDatastorePath } from "../../base/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";

/** An entity of the inventory that the asking session may see. */
export interface SearchableEntity {
  readonly ref: MoRef;
  /** As ManagedEntity.name has it: "/", "\" and "%" are escaped. */
  readonly name: string;
  /** Undefined for the root folder. */
  readonly parent: MoRef | undefined;
}

/** What a host or a VM is known by in its network. */
interface Addressed extends SearchableEntity {
  /** BIOS UUID. */
  readonly uuid: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export type SearchableHost = Addressed;

export interface SearchableVm extends Addressed {
  readonly instanceUuid: string;
  /** `[datastore1] demo/demo.vmx` */
  readonly vmPathName: string;
}

export interface SearchSnapshot {
  /** All of them: folders, datastores, networks, pools, and the hosts and VMs too. */
  readonly entities: readonly SearchableEntity[];
  readonly hosts: readonly SearchableHost[];
  readonly vms: readonly SearchableVm[];
}

/** Which entities a search looks at. */
export interface SearchScope {
  /** VMs, or hosts. */
  readonly vmSearch: boolean;
  /** Only what lies in it; undefined for everything. */
  readonly datacenter?: MoRef | undefined;
}

/** vim25 FindAllByUuid; the first of them is FindByUuid's. */
export function findAllByUuid(
  snapshot: SearchSnapshot,
  uuid: string,
  { instanceUuid, ...scope }: SearchScope & { readonly instanceUuid?: boolean | undefined },
): readonly MoRef[] {
  const wanted = canonicalUuid(uuid);
  if (wanted === undefined) return [];
  if (instanceUuid !== true) return refsWhere(snapshot, scope, (entity) => canonicalUuid(entity.uuid) === wanted);
  if (!scope.vmSearch) return []; // a host has no instance UUID
  const matching = snapshot.vms.filter((vm) => canonicalUuid(vm.instanceUuid) === wanted);
  return within(snapshot, scope.datacenter, matching);
}

/** vim25 FindAllByDnsName; the first of them is FindByDnsName's. */
export function findAllByDnsName(snapshot: SearchSnapshot, dnsName: string, scope: SearchScope): readonly MoRef[] {
  const wanted = canonicalDnsName(dnsName);
  return refsWhere(snapshot, scope, ({ dnsNames }) => dnsNames.some((name) => canonicalDnsName(name) === wanted));
}

/** vim25 FindAllByIp; the first of them is FindByIp's. */
export function findAllByIp(snapshot: SearchSnapshot, ip: string, scope: SearchScope): readonly MoRef[] {
  const wanted = canonicalIp(ip);
  return refsWhere(snapshot, scope, ({ ipAddresses }) => ipAddresses.some((address) => canonicalIp(address) === wanted));
}

/**
 * vim25 FindByDatastorePath.
 * @throws {Fault} InvalidDatastore, when the path names no datastore of this host
 */
export function findByDatastorePath(snapshot: SearchSnapshot, path: string, datacenter: MoRef): MoRef | undefined {
  const wanted = parseDatastorePath(path);
  const known = snapshot.entities.some(({ ref, name }) => ref.type === "Datastore" && unescapeName(name) === wanted?.datastore);
  if (wanted === undefined || !known) throw fault("InvalidDatastore", `There is no datastore at '${path}'.`, { name: path });
  const matching = snapshot.vms.filter(({ vmPathName }) => {
    const own = parseDatastorePath(vmPathName);
    return own?.datastore === wanted.datastore && own.path === wanted.path;
  });
  return within(snapshot, datacenter, matching)[0];
}

/**
 * vim25 FindByInventoryPath.
 * @param path `ha-datacenter/vm/demo`: names from below the root folder down; slashes around it do not count, and "%2f" is one in a name
 */
export function findByInventoryPath(snapshot: SearchSnapshot, path: string): MoRef | undefined {
  const root = snapshot.entities.find(({ parent }) => parent === undefined)?.ref;
  const names = path.replace(/^\/+|\/+$/g, "");
  if (names === "") return root;
  return names.split("/").reduce<MoRef | undefined>((found, name) => found && findChild(snapshot, found, name), root);
}

/** vim25 FindChild: by name, directly beneath an entity. */
export function findChild({ entities }: SearchSnapshot, entity: MoRef, name: string): MoRef | undefined {
  const wanted = unescapeName(name);
  return entities.find(({ parent, name: own }) => parent?.value === entity.value && unescapeName(own) === wanted)?.ref;
}

function refsWhere(
  snapshot: SearchSnapshot,
  { vmSearch, datacenter }: SearchScope,
  matches: (entity: Addressed) => boolean,
): readonly MoRef[] {
  const candidates: readonly Addressed[] = vmSearch ? snapshot.vms : snapshot.hosts;
  return within(snapshot, datacenter, candidates.filter(matches));
}

function within({ entities }: SearchSnapshot, datacenter: MoRef | undefined, found: readonly SearchableEntity[]): readonly MoRef[] {
  if (datacenter === undefined) return found.map(({ ref }) => ref);
  const parents = new Map(entities.map(({ ref, parent }) => [ref.value, parent?.value]));
  const isInside = (moid: string | undefined): boolean => moid !== undefined && (moid === datacenter.value || isInside(parents.get(moid)));
  return found.filter(({ parent }) => isInside(parent?.value)).map(({ ref }) => ref);
}

/** The 32 digits of a UUID in whatever form: "564d…-…", "56 4d …", upper case. */
function canonicalUuid(text: string): string | undefined {
  const digits = text.replace(/[\s-]/g, "").toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) ? digits : undefined;
}

function canonicalDnsName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** IPv6 addresses can be written in several ways; URLs have rules for which is the one. */
function canonicalIp(text: string): string {
  const literal = `http://[${text}]`;
  return text.includes(":") && URL.canParse(literal) ? new URL(literal).hostname : text;
}

/** Clients send names with their escapes or without. */
function unescapeName(name: string): string {
  return name.replace(/%(2f|5c|25)/gi, (escaped) => decodeURIComponent(escaped));
}
