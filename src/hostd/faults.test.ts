import { expect, test } from "vitest";
import { ConnectionLost } from "../vmkernel/index.ts";
import { fault } from "../wire/index.ts";
import { faultOf } from "./faults.ts";

const notFound = fault("NotFound", "It is not there.", {});

test.each([
  ["a fault", notFound, "NotFound", "It is not there."],
  ["vmkernel that is away", new ConnectionLost("opening /run/x", true), "HostCommunication", "ask again in a moment"],
  ["a bug", new TypeError("/root/secret is undefined"), "SystemError", "Internal error"],
  ["what is no error", "?", "SystemError", "Internal error"],
])("%s is told as what it is, and nothing of the host with it", (_, thrown, name, message) => {
  const told = faultOf(thrown);
  expect(told.fault).toBe(name);
  expect(told.message).toContain(message);
  expect(told.message).not.toContain("/");
});
