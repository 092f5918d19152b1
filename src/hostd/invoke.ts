/**
 * The one road of every request: authenticate, authorize, admit, perform, record.
 * Every door (SOAP today; JSON, esxcli, shell and console later) ends here, and nothing else reaches the managed objects.
 * Paper «Host Agent»; ARCHITECTURE.md «The road of a request».
 */
import { type Fault, messageOf } from "../base/index.ts";
import {
  fault,
  findMethod,
  isSubtype,
  type Method,
  type MoRef,
  managedObjectType,
  NEWEST_VERSION,
  type ResourceConfigSpec,
} from "../wire/index.ts";
import { refuseInState } from "./admission.ts";
import type { Call, HostAgent } from "./agent.ts";
import { datastoresConcerned, EXECUTE_SOAP, entityNamed, FETCH, refuseAccess, requiredPrivileges, subjectOf } from "./authorize.ts";
import { declaredFault } from "./declared-fault.ts";
import { faultOf } from "./faults.ts";
import { refuseInHostState } from "./host-state.ts";
import { HOST } from "./inventory-tree.ts";
import type { BoundObject } from "./managed-object.ts";
import { fetchProperty } from "./property-collector/collect.ts";
import { sourceFor } from "./property-source.ts";
import { furtherDemands } from "./resources/pool-demands.ts";
import type { Client, Session } from "./sessions.ts";
import type { Task, TaskSubject } from "./tasks.ts";

/** A decoded request. */
export interface Request {
  /** What the client's cookie holds (untrusted); undefined without one. */
  readonly sessionSecret: string | undefined;
  readonly client: Client;
  readonly target: MoRef;
  readonly method: string;
  /** Decoded by the schema of the method. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly operationId?: string | undefined;
  /** Of the API; the newest where a door has no versions. */
  readonly version?: string;
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly value: unknown;
  /** The schema's type of the value; "void" for none. */
  readonly type: string;
  /** A cookie to set. */
  readonly setSession?: string;
}

/** Answers a request, or throws the Fault that the client gets: one that the method declares. */
export async function invoke(agent: HostAgent, request: Request): Promise<Reply> {
  const session = agent.sessions.find(request.sessionSecret); // 1 authenticate
  if (session !== undefined) {
    session.callCount++;
    agent.networks.onRequest({ address: request.client.address, session: session.key });
  }
  try {
    const reply = await answer(agent, request, session);
    record(agent, request, reply.session ?? session, reply.refusal);
    return reply;
  } catch (error) {
    const thrown = declaredFault(faultOf(error), findMethod(request.method)?.faults ?? []);
    record(agent, request, session, thrown);
    throw thrown;
  }
}

interface Answer extends Reply {
  /** Who is logged in by it. */
  readonly session?: Session;
  /** What the answer tells of although it is none of the method's own faults. */
  readonly refusal?: Fault;
}

async function answer(agent: HostAgent, request: Request, session: Session | undefined): Promise<Answer> {
  const method = findMethod(request.method);
  if (method === undefined) throw methodNotFound(request);
  const entities = entitiesConcerned(agent, request);
  for (const entity of entities) authorize(agent, { request, entity, method, session }); // 2 authorize: before anything tells whether the object exists
  authorizeFurther(agent, request, session);
  const object = agent.inventory.find(request.target.value, session);
  if (object === undefined || !isSubtype(object.ref.type, request.target.type)) throw notFound(request.target);
  const schemaMethod = managedObjectType(object.ref.type).methods.get(request.method);
  if (schemaMethod === undefined) throw methodNotFound(request);
  const type = schemaMethod.result.text;

  const refusal = admit(agent, object, request.method); // 3 admit
  const [first] = entities;
  const subject: TaskSubject = {
    entity: first === request.target ? entityOfTask(agent, object.ref) : first,
    entityName: "",
    method: request.method,
    vmodlMethod: schemaMethod.vmodl,
    userName: session?.userName ?? "",
  };
  if (refusal !== undefined) {
    if (schemaMethod.taskResult === undefined) throw refusal;
    return { value: agent.tasks.reject({ ...subject, entityName: nameOf(object) }, refusal).ref, type };
  }

  if (request.method === FETCH) {
    const property = (request.args as { prop: string }).prop;
    return { value: fetchProperty(sourceFor(agent, session), object.ref, property), type };
  }
  const perform = object.method(request.method);
  if (perform === undefined) throw notSupported(object.ref, request.method);
  let cookie: string | undefined;
  const setSession = (secret: string): void => {
    cookie = secret;
  };
  let told: Fault | undefined;
  const failed = (fault: Fault): void => {
    told = fault;
  };
  const value = await perform(request.args, callOf(agent, { request, ref: object.ref, session, subject, setSession, failed })); // 4 perform
  const opened = cookie === undefined ? undefined : agent.sessions.find(cookie);
  return {
    value,
    type,
    ...(cookie === undefined ? {} : { setSession: cookie }),
    ...(opened === undefined ? {} : { session: opened }),
    ...(told === undefined ? {} : { refusal: told }),
  };
}

/** A task is about an entity of the inventory: of a snapshot, its VM; what a manager does, it does on the host. */
function entityOfTask({ inventory }: HostAgent, ref: MoRef): MoRef {
  const vm = inventory.vmOf(ref);
  if (vm !== undefined) return vm.ref;
  return isSubtype(ref.type, "ManagedEntity") ? ref : HOST;
}

/** What a call is about, at least one: its object, or the VM or the datastores that arguments of it name. */
function entitiesConcerned({ inventory }: HostAgent, { method, args, target }: Request): readonly [MoRef, ...MoRef[]] {
  const vm = entityNamed(method, args);
  if (vm !== undefined) return [vm];
  if (method === "MoveIntoResourcePool") return [target, ...((args.list ?? []) as readonly MoRef[])];
  if (method === "UpdateChildResourceConfiguration") return childrenConcerned(target, (args.spec ?? []) as readonly ResourceConfigSpec[]);
  const [first = target, ...others] = datastoresConcerned(method, args).map((name) => {
    return (name === undefined ? undefined : inventory.datastoreNamed(name)) ?? target;
  });
  return [first, ...others];
}

function childrenConcerned(target: MoRef, specs: readonly ResourceConfigSpec[]): readonly [MoRef, ...MoRef[]] {
  const [first = target, ...others] = specs.map(({ entity }) => entity ?? target);
  return [first, ...others];
}

interface Asking {
  readonly request: Request;
  readonly entity: MoRef;
  readonly method: Method;
  readonly session: Session | undefined;
}

/** What goes with a pool, and where it was, allows the deed as well. */
function authorizeFurther(agent: HostAgent, request: Request, session: Session | undefined): void {
  const { pools, inventory } = agent;
  const tree = { pools: pools.pools, vmsIn: (id: number) => pools.vmsIn(id) };
  for (const { entity, privilege } of furtherDemands(tree, request)) {
    const refusal = refuseAccess(entity, inventory.pathOf(entity.value, session), [privilege], subjectOf(agent, session?.userName));
    if (refusal !== undefined) throw refusal;
  }
}

function authorize(agent: HostAgent, { request, entity, method, session }: Asking): void {
  const privileges = requiredPrivileges(request.method, method.privilege, request.args, request.target);
  const subject = subjectOf(agent, session?.userName);
  const refusal = refuseAccess(entity, agent.inventory.pathOf(entity.value, session), privileges, subject);
  if (refusal !== undefined) throw refusal;
}

function admit(agent: HostAgent, object: BoundObject, method: string): Fault | undefined {
  const vm = agent.inventory.vmOf(object.ref);
  return refuseInHostState(method, agent.hostState) ?? (vm === undefined ? undefined : refuseInState(method, vm.situation));
}

/** Only reads its VM: others may do the same meanwhile. */
const leavesFree: ReadonlySet<string> = new Set(["CloneVM_Task"]);

interface Calling extends Pick<Call, "ref" | "session" | "setSession" | "failed"> {
  readonly request: Request;
  readonly subject: TaskSubject;
}

function callOf(agent: HostAgent, { request, ref, session, subject, setSession, failed }: Calling): Call {
  return {
    agent,
    ref,
    method: request.method,
    session,
    client: request.client,
    version: request.version ?? NEWEST_VERSION,
    signal: request.signal,
    setSession,
    failed,
    startTask(entityName, journal, deed): Task {
      const vm = agent.vms.find(subject.entity.value);
      const task = agent.tasks.start({ ...subject, entityName }, journal, (progress) => deed(progress, task));
      if (vm !== undefined && !leavesFree.has(request.method)) vm.occupy(task);
      return task;
    },
  };
}

/** 5 record: who asked what of which object, from where, and how it ended. Passwords and other arguments are not written down. */
function record(agent: HostAgent, request: Request, session: Session | undefined, thrown?: Fault): void {
  const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
  agent.audit({
    id: denied ? "vim.access.denied" : "api.call",
    subject: session?.userName ?? "",
    object: `${request.target.type}:${request.target.value}.${request.method}${executedBy(request)}`,
    result: thrown === undefined ? "success" : "failure",
    ip: request.client.address,
    ...(thrown === undefined ? {} : { reason: thrown.fault, comment: messageOf(thrown) }),
    ...(request.operationId === undefined ? {} : { opId: request.operationId }),
  });
}

/** What a method that executes others is asked to execute. */
function executedBy({ method, args }: Request): string {
  return method === EXECUTE_SOAP ? ` ${String(args.method).slice(0, EXECUTED_CHARACTERS_MAX)}` : "";
}

const EXECUTED_CHARACTERS_MAX = 128; // twice the longest name of a command

function nameOf(object: BoundObject): string {
  return String(object.read("name", { sessionKey: undefined, userName: undefined }) ?? "");
}

function notFound(target: MoRef): Fault {
  return fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: target });
}

/** The text begins as clients know it, and goes on with what it is that this host has not (not-supported.txt). */
function notSupported({ type }: MoRef, method: string): Fault {
  return fault("NotSupported", `The operation is not supported on the object. ${type}.${method} is not supported on this host.`, {});
}

function methodNotFound({ target, method }: Request): Fault {
  return fault("MethodNotFound", `${target.type} has no method ${method}`, { receiver: target, method });
}
