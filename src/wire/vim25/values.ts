/** vim25 values as TypeScript holds them. Pure. Source: the vSphere Web Services API. */

/**
 * A reference to a managed object. The parameter only documents what is meant: a Folder is accepted where a ManagedEntity
 * is declared, and the schema decides that when it decodes.
 */
export interface MoRef<_Type extends string = string> {
  /** WSDL name of the object's own type, for example "VirtualMachine". */
  readonly type: string;
  /** The managed object id, opaque to clients. */
  readonly value: string;
}

/**
 * A value where the schema says anyType, with the type that xsi:type names: a schema type ("VirtualMachinePowerState",
 * "VirtualDevice[]", "Task"), or a primitive ("string", "int", "boolean", "dateTime" …).
 */
export interface AnyValue {
  readonly anyType: string;
  readonly value: unknown;
}
