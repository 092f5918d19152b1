export { formatSubnegotiation, formatVerb, TelnetError, TelnetReader } from "./telnet.ts";
export * from "./virtual-serial-port.ts";
