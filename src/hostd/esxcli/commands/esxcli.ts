/** `esxcli esxcli`: the commands themselves. */
import { type Command, command, struct, table } from "../command.ts";

/** @param all when it is asked: the list holds these too */
export const esxcliCommands = (all: () => readonly Command[]): readonly Command[] => [
  command("esxcli command list", {
    help: "List every command of this host, with its namespace.",
    result: table(struct("Command", { Namespace: "string", Command: "string" })),
    run: () => all().map(({ namespace, name }) => ({ Namespace: namespace.replaceAll(" ", "."), Command: name })),
  }),
];
