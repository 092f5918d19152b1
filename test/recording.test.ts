import { expect, test } from "vitest";
import { transcript, whatIsAsked } from "./recording.ts";

test.each([
  ["a method of SOAP", '<e:Envelope><e:Body><PowerOnVM_Task xmlns="urn:vim25"/></e:Body></e:Envelope>', "POST /sdk", "PowerOnVM_Task"],
  ["a method with a prefix of its own", '<E>\n<Body id="1">\n  <v:Login xmlns:v="urn:vim25"/></Body></E>', "POST /sdk", "Login"],
  ["a property of VI/JSON", "", "GET /sdk/vim25/8.0.3.0/Task/haTask-1/info", "GET /sdk/vim25/8.0.3.0/Task/…/info"],
  ["a file", "", "GET /folder/vm/vm.vmx?dcPath=ha-datacenter&dsName=datastore1", "GET /folder/vm/vm.vmx"],
])("%s is what is asked", (_, body, line, what) => expect(whatIsAsked(line, Buffer.from(body))).toBe(what));

test("a transcript has the first of each kind in their order, and says what it leaves out and where", () => {
  const asked = ["Login", "Poll", "Poll", "Poll", "Poll", "PowerOn", "Poll"];
  const exchanges = asked.map((what, index) => ({ what, text: `${what} number ${index + 1}\n` }));
  const [, ...lines] = transcript("a client", exchanges)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("────"));
  expect(lines).toEqual([
    "Login number 1",
    "Poll number 2",
    "Poll number 3",
    "… left out: Poll × 2",
    "PowerOn number 6",
    "… left out: Poll × 1",
  ]);
});

test("a transcript has no password and no session", () => {
  const text = '<password>secret</password>\n{"password": "secret"}\ncookie: vmware_soap_session=secret\nauthorization: secret';
  expect(transcript("a client", [{ what: "Login", text }])).not.toContain("secret");
});
