/** The real govc, as administrators run it against a host of a test. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PASSWORD } from "./harness.ts";

const run = promisify(execFile);

/** What govc prints. @throws what it complains of, as the error's `stderr` */
export async function runGovc(path: string, port: number, args: readonly string[], timeoutMs = 30_000): Promise<string> {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: PASSWORD,
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  return (await run(path, args, { env, timeout: timeoutMs })).stdout;
}
