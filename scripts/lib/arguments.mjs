/** What `npm start -- …` takes. Pure. The command itself reads it again; here it is read before anything has been built. */
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { Problem } from "./problem.mjs";

export const USAGE = `npm start [-- OPTIONS]: sets the machine up, and starts a host with a real guest on it.

  --root DIR           keep everything of the host beneath DIR (default /)
  --listen ADDR:PORT   serve the API there (default 127.0.0.1:8443; IPv6 as [::1]:8443)
  --degraded           run where the machine withholds what isolation needs`;

/** @returns {{ kind: "help" } | { kind: "start", root: string, listen: { host: string, port: number }, rest: string[] }} */
export function readStartArguments(args) {
  const options = {
    root: { type: "string", default: "/" },
    listen: { type: "string", default: "127.0.0.1:8443" },
    degraded: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  };
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new Problem(`${error.message.split(". ")[0]}; npm start -- --help tells what there is`);
  }
  if (values.help) return { kind: "help" };
  return { kind: "start", root: values.root, listen: readListen(values.listen), rest: args };
}

function readListen(text) {
  const [, v6, v4, digits] = /^(?:\[([^[\]%]+)\]|([^[\]:]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4 ?? "";
  const port = Number(digits);
  if (isIP(host) === (v6 === undefined ? 4 : 6) && port >= 1 && port <= 65_535) return { host, port };
  throw new Problem(`--listen ${text}: it is ADDR:PORT, as in 127.0.0.1:8443, 0.0.0.0:443 or [::1]:8443`);
}
