import { expect, test } from "vitest";
import { bool, CommandFailed, command, flag, long, nothing, oneOf, required, text, texts } from "./command.ts";
import { parseValues } from "./parse-values.ts";

const example = command("a set", {
  help: "An example.",
  params: {
    name: required(text("-n", "--name", "A name.")),
    vlanid: long("-v", "--vlan-id", "A number."),
    enabled: bool("-e", "--enabled", "Yes or no."),
    all: flag("-a", "--all", "All."),
    type: oneOf(["soft", "hard"], "-t", "--type", "A kind."),
    uplink: texts(undefined, "--uplink", "Some."),
  },
  result: nothing,
  run: () => {},
});

const parse = (words: Readonly<Record<string, readonly string[]>>) =>
  parseValues(example, new Map(Object.entries({ name: ["x"], ...words })));

test.each<[Readonly<Record<string, readonly string[]>>, object]>([
  [{}, {}],
  [{ vlanid: ["4095"] }, { vlanid: 4095 }],
  [{ vlanid: ["-1"] }, { vlanid: -1 }],
  [{ enabled: ["Yes"] }, { enabled: true }],
  [{ enabled: ["f"] }, { enabled: false }],
  [{ all: ["true"] }, { all: true }],
  [{ type: ["soft"] }, { type: "soft" }],
  [{ uplink: ["a", "b"] }, { uplink: ["a", "b"] }],
  [{ name: [""] }, { name: "" }],
])("%j is %j", (words, values) => {
  expect(parse(words)).toEqual({ name: "x", ...values });
});

test.each<[Readonly<Record<string, readonly string[]>>, string]>([
  [{ name: [] }, "Missing required parameter -n|--name"],
  [{ vlanid: ["LT-3100"] }, "While processing '--vlan-id'. Argument type mismatch. Expecting integer value. Got 'LT-3100'"],
  [{ vlanid: ["1.5"] }, "While processing '--vlan-id'. Argument type mismatch. Expecting integer value. Got '1.5'"],
  [
    { vlanid: ["9999999999999999"] },
    "While processing '--vlan-id'. Argument type mismatch. Expecting integer value. Got '9999999999999999'",
  ],
  [{ vlanid: [""] }, "While processing '--vlan-id'. Argument type mismatch. Expecting integer value. Got ''"],
  [{ enabled: ["perhaps"] }, "While processing '--enabled'. Argument type mismatch. Expecting boolean value. Got 'perhaps'"],
  [{ type: ["Soft"] }, "Invalid data constraint for parameter 'type'."],
  [{ vlanid: ["1", "2"] }, "Parameter -v|--vlan-id is given more than once"],
  [{ uplink: Array.from({ length: 257 }, () => "x") }, "Parameter --uplink has more than 256 values"],
  [{ name: ["x".repeat(4097)] }, "Parameter -n|--name has more than 4096 characters"],
  [{ colour: ["red"] }, "Invalid option colour"],
  [{ toString: ["red"] }, "Invalid option toString"],
  [{ "\u001b[2J": ["red"] }, "Invalid option ?[2J"],
])("%j is refused: %s", (words, message) => {
  expect(() => parse(words)).toThrow(new CommandFailed(message));
});
