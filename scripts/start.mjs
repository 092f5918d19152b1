/** `npm start`: sets the machine up, then starts a host with a real guest on it. Plain JavaScript: it runs before anything is installed. */
import { readStartArguments, USAGE } from "./lib/arguments.mjs";
import { NEEDS_MIB, requireDebian, requireFreePort, requireNode, requireRoot, requireSpace } from "./lib/machine.mjs";
import { HOST_PACKAGES } from "./lib/packages.mjs";
import { runScript } from "./lib/problem.mjs";
import { runShown } from "./lib/progress.mjs";
import { prepareUser, setUp } from "./lib/set-up.mjs";

await runScript(async () => {
  const options = readStartArguments(process.argv.slice(2));
  if (options.kind === "help") {
    console.log(USAGE);
    return 0;
  }
  requireNode();
  requireDebian();
  requireRoot("npm start");
  await requireFreePort(options.listen);
  requireSpace([{ path: options.root, mib: NEEDS_MIB.host }]);
  await setUp({ packages: Object.keys(HOST_PACKAGES), build: ["-b", "src/main"] });
  prepareUser();
  return runShown([process.execPath, "dist/main/cli.js", "start", ...options.rest]);
});
