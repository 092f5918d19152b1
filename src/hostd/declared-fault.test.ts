import { expect, test } from "vitest";
import { Fault } from "../base/index.ts";
import { fault, findMethod, isSubtype, subtypesOf } from "../wire/index.ts";
import { declaredFault } from "./declared-fault.ts";
import { performedMethods } from "./performed-api.ts";

const object = { type: "VirtualMachine", value: "1" } as const;

test.each([
  ["what is declared", "Rename_Task", fault("InvalidName", "x", { name: "a" }), "InvalidName"],
  ["what inherits from it", "PowerOnVM_Task", fault("InvalidPowerState", "x", { existingState: "poweredOn" }), "InvalidPowerState"],
  ["what any method may answer", "CurrentTime", fault("NotSupported", "x", {}), "NotSupported"],
])("%s is answered as it is", (_, method, thrown, name) => {
  const told = declaredFault(thrown, findMethod(method)?.faults ?? []);
  expect(told).toBe(thrown);
  expect(told.fault).toBe(name);
});

test.each([
  ["a bad name", "CloneVM_Task", fault("InvalidName", "x", { name: "a" }), "InvalidArgument", {}],
  ["a name that is taken", "CloneVM_Task", fault("DuplicateName", "x", { name: "a", object }), "InvalidArgument", {}],
  [
    "a name that is taken, to a method that knows of such",
    "AddPortGroup",
    fault("DuplicateName", "x", { name: "a", object }),
    "AlreadyExists",
    { name: "a" },
  ],
  ["what is not there", "AddPortGroup", fault("FileNotFound", "x", { file: "a" }), "NotFound", {}],
  ["what is not there, to a method that knows of no such", "CurrentTime", fault("NotFound", "x", {}), "InvalidArgument", {}],
  ["what cannot be now", "PowerOnVM_Task", fault("ResourceInUse", "x", {}), "InvalidState", {}],
  ["what cannot be now, to a method that knows of no state", "CurrentTime", fault("InvalidState", "x", {}), "InvalidRequest", {}],
  ["a file that is in use", "CurrentTime", fault("FileLocked", "x", { file: "a" }), "InvalidRequest", {}],
  ["a full disk", "CurrentTime", fault("NoDiskSpace", "x", { file: "a", datastore: "b" }), "SystemError", { reason: "x" }],
  [
    "a full disk, to a method of the host's configuration",
    "AddPortGroup",
    fault("NoDiskSpace", "x", { file: "a", datastore: "b" }),
    "HostConfigFault",
    {},
  ],
  ["a bad property of a VM", "CurrentTime", fault("InvalidVmConfig", "x", { property: "p" }), "InvalidArgument", { invalidProperty: "p" }],
  ["what is out of bounds", "CurrentTime", fault("OutOfBounds", "x", { argumentName: "p" }), "InvalidArgument", { invalidProperty: "p" }],
] as const)("%s: %s answers another fault than %o", (_, method, thrown, name, fields) => {
  const told = declaredFault(thrown, findMethod(method)?.faults ?? []);
  expect(told).toMatchObject({ fault: name, message: "x", cause: thrown });
  expect(JSON.parse(JSON.stringify(told.fields))).toEqual(fields);
});

test("of all faults that there are, each method answers only those that it declares and those of any method", () => {
  const types = subtypesOf("MethodFault");
  expect(types.length).toBeGreaterThan(600);
  const lists = performedMethods().map(({ method }) => (findMethod(method)?.faults ?? []).join(" "));
  const answers = [...new Set(lists)].flatMap((list) => {
    const declared = list.split(" ");
    return types.map((type) => ({ declared, type, told: declaredFault(new Fault(type, "x"), declared).fault }));
  });
  expect(answers.filter(({ declared, told }) => !["RuntimeFault", ...declared].some((base) => isSubtype(told, base)))).toEqual([]);
});
