/** The peer of the file door: Debian's nginx, with one worker as hostd has one thread, on loopback, with its files in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, waitFor } from "../test/harness.ts";

export const NGINX = "/usr/sbin/nginx";

export interface Nginx {
  readonly port: number;
  /** Files that it serves, and takes by PUT. */
  readonly files: string;
  /** Of its worker. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** @param above where its folder is made: on the file system that the datastore is on. @param tls the host's own, so that both have the same key */
export async function startNginx(above: string, tls: { readonly key: string; readonly cert: string }): Promise<Nginx> {
  const folder = mkdtempSync(join(above, "nginx-"));
  const files = join(folder, "files");
  mkdirSync(files);
  const port = await freePort();
  const config = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1; user root;
    events {}
    http {
      access_log off; client_max_body_size 0; sendfile on;
      client_body_temp_path ${folder}/coming; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      server {
        listen 127.0.0.1:${port} ssl; ssl_protocols TLSv1.3; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};
        root ${files}; location / { dav_methods PUT DELETE; }
      }
    }`;
  writeFileSync(join(folder, "nginx.conf"), config);
  const master = spawn(NGINX, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: ["ignore", "ignore", "ignore"] });
  const worker = () => Number(execFileSync("cat", [`/proc/${master.pid}/task/${master.pid}/children`], { encoding: "utf8" }).split(" ")[0]);
  await waitFor(() => worker() > 0, 10_000);
  return { port, files, pid: worker(), stop: () => end(master, folder) };
}

async function end(master: ChildProcess, folder: string): Promise<void> {
  const exited = new Promise((resolve) => master.once("exit", resolve));
  master.kill("SIGTERM");
  await exited;
  rmSync(folder, { recursive: true, force: true });
}
