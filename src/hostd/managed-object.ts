/**
 * Managed objects: what a vim25 type's file in managed-objects/ declares, checked against the schema's types. Pure.
 * A property that the schema requires and the file lacks does not compile; neither does a method with the wrong result.
 */
import type { ManagedObjects, MoRef, UndeclaredMethods } from "../wire/index.ts";
import type { Call } from "./agent.ts";

export type TypeName = keyof ManagedObjects;
type Lineage<T extends TypeName> = ManagedObjects[T]["lineage"];
type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;

export type PropertiesOf<T extends TypeName> = Intersection<ManagedObjects[Lineage<T>]["properties"]>;
export type MethodsOf<T extends TypeName> = Intersection<ManagedObjects[Lineage<T>]["methods"]> &
  (T extends keyof UndeclaredMethods ? UndeclaredMethods[T] : unknown);

type Awaitable<T> = T | Promise<T>;
type MethodImplementation<Self, Method> = Method extends { args: infer Args; result: infer Result }
  ? (self: Self, args: Args, call: Call) => Awaitable<Result>
  : never;

/**
 * One managed object type as this host answers it.
 * @typeParam Self what the properties and methods work on: a Vm, the Host, a Task …
 */
export interface ManagedObjectType<T extends TypeName, Self> {
  readonly type: T;
  /** Every required property of the schema, and the optional ones that mean something here. Read often: cheap and without side effect. */
  readonly properties: { readonly [P in keyof PropertiesOf<T>]: (self: Self, reader: Reader) => PropertiesOf<T>[P] };
  /** A method of the schema that is absent here answers NotSupported. */
  readonly methods: { readonly [M in keyof MethodsOf<T>]?: MethodImplementation<Self, MethodsOf<T>[M]> };
}

/** Who reads a property: a few (effectiveRole, currentSession) depend on it. */
export interface Reader {
  /** Key of the session that reads; undefined before login. */
  readonly sessionKey: string | undefined;
  readonly userName: string | undefined;
}

/** One object in the inventory or in a session: its reference and how to read it. */
export interface ManagedObjectInstance {
  readonly ref: MoRef;
  /**
   * The value of a property that the schema declares for `ref.type`, or undefined when it is unset.
   * @param property a top-level property name; the caller has checked it against the schema
   */
  read(property: string, reader: Reader): unknown;
}

/** An object with its methods, as invoke() finds it. */
export interface BoundObject extends ManagedObjectInstance {
  /** How this host performs a method, or undefined when it does not. */
  method(name: string): ((args: unknown, call: Call) => Awaitable<unknown>) | undefined;
}

/** Ties a type's declaration to one object of that type. */
export function bind<T extends TypeName, Self>(type: ManagedObjectType<T, Self>, moid: string, self: Self): BoundObject {
  // The schema decides which names reach here; Object.hasOwn keeps inherited names such as "constructor" out all the same.
  const properties = type.properties as Readonly<Record<string, (self: Self, reader: Reader) => unknown>>;
  const methods = type.methods as Readonly<Record<string, (self: Self, args: unknown, call: Call) => Awaitable<unknown>>>;
  return {
    ref: { type: type.type, value: moid },
    read: (name, reader) => (Object.hasOwn(properties, name) ? properties[name]?.(self, reader) : undefined),
    method(name) {
      const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
      return method === undefined ? undefined : (args, call) => method(self, args, call);
    },
  };
}
