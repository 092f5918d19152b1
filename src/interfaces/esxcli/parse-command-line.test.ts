import { expect, test } from "vitest";
import { type Command, esxcliCommands, pathOf } from "../../hostd/esxcli/index.ts";
import { formatCommandHelp, formatNamespaceHelp } from "./format-help.ts";
import { parseCommandLine } from "./parse-command-line.ts";

const parse = (typed: string) =>
  parseCommandLine(
    typed.split(" ").filter((word) => word !== ""),
    esxcliCommands,
  );
const found = (path: string): Command => {
  const command = esxcliCommands.find((one) => pathOf(one) === path);
  if (command === undefined) throw new Error(`there is no ${path}`);
  return command;
};

test.each([
  ["network vswitch standard add -v lab -P 64", { vswitchname: ["lab"], ports: ["64"] }],
  ["network vswitch standard add -P=64 --vswitch-name=a=b", { ports: ["64"], vswitchname: ["a=b"] }],
  ["network vswitch standard add --vswitch-name --ports", { vswitchname: ["--ports"] }],
  ["storage core adapter rescan --all", { all: ["true"] }],
  ["system settings advanced list -d -t /Config", { delta: ["true"], tree: ["/Config"] }],
  ["system version get", {}],
])("%s gives %j", (typed, words) => {
  const parsed = parse(typed);
  expect(parsed.kind).toBe("command");
  expect(Object.fromEntries(parsed.kind === "command" ? parsed.words : [])).toEqual(words);
});

test.each([
  ["network vswitch standard add", "Missing required parameter -v|--vswitch-name", "network vswitch standard add"],
  ["network vswitch standard add -v", "Option -v needs a value", "network vswitch standard add"],
  ["network vswitch standard add -v lab -x 1", "Invalid option -x", "network vswitch standard add"],
  ["network vswitch standard add -v lab extra", "Invalid option extra", "network vswitch standard add"],
  [
    "network vswitch standard add -v lab -P LT",
    "While processing '--ports'. Argument type mismatch. Expecting integer value. Got 'LT'",
    "network vswitch standard add",
  ],
  ["network vswitch walk", "Unknown command or namespace network vswitch walk", "network vswitch"],
  ["fcoe nic list", "Unknown command or namespace fcoe nic list", ""],
  ["constructor", "Unknown command or namespace constructor", ""],
])("%s is wrong: %s", (typed, because, path) => {
  expect(parse(typed)).toMatchObject({ kind: "wrong", because, path });
});

test.each([
  ["", ""],
  ["network", "network"],
  ["network vswitch", "network vswitch"],
  ["system version get --help", "system version get"],
  ["network vm port list -?", "network vm port list"],
])("%j asks what there is", (typed, path) => {
  expect(parse(typed)).toMatchObject({ kind: "help", path });
});

test("a namespace is shown with those beneath it, and its own commands", () => {
  expect(formatNamespaceHelp("network vm", esxcliCommands)).toEqual([
    "Usage: esxcli network vm {cmd} [cmd options]",
    "",
    "Available Namespaces:",
    "  port",
    "",
    "Available Commands:",
    "  list                  List the virtual machines that run and are plugged into a virtual switch.",
  ]);
});

test("a command is shown with its options, what each is for beside it or beneath it", () => {
  expect(formatCommandHelp(found("vm process kill")).join("\n")).toBe(
    [
      "Usage: esxcli vm process kill [cmd options]",
      "",
      "Description:",
      "  kill                  End a virtual machine that runs: soft powers it off, hard and force end its monitor at once.",
      "",
      "Cmd options:",
      "  -t|--type=<str>       How it is ended: soft, hard, force. (required)",
      "  -w|--world-id=<long>  The world of the virtual machine, as `vm process list` shows it. (required)",
    ].join("\n"),
  );
  expect(formatCommandHelp(found("network vswitch standard add")).join("\n")).toContain(
    "  -v|--vswitch-name=<str>\n                        The name of the virtual switch. (required)",
  );
});
