/** esxcli as it is typed and printed. Apart from the layer's own index: the processes that run a host need none of it. */
export { type Answer, decodeResult } from "./decode-result.ts";
export { FORMATTERS, type Formatter, formatAnswer } from "./format-answer.ts";
export { formatCommandHelp, formatNamespaceHelp } from "./format-help.ts";
export { parseCommandLine, type Typed } from "./parse-command-line.ts";
