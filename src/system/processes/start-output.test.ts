import { expect, test } from "vitest";
import { startConfined } from "./start.ts";

const start = async (script: string, input = "") => {
  const lines: string[] = [];
  const process = await startConfined({
    argv: ["/bin/sh", "-c", script],
    descriptors: [],
    log: (line, from) => lines.push(`${from}: ${line}`),
    stdin: "lifeline",
    cgroup: undefined,
    input,
  });
  return { process, lines };
};

test("a process reads what it is given first, then the end when it is let go, and its lines are heard", async () => {
  const { process, lines } = await start('read -r first; echo "got $first"; read -r rest || echo "end" >&2', "instructions\n");
  await expect.poll(() => lines).toContain("stdout: got instructions");
  expect(lines).not.toContain("stderr: end");
  process.letGo();
  expect(await process.ended).toEqual({ kind: "exited", code: 0 });
  await expect.poll(() => lines).toContain("stderr: end");
});

test("a line without end takes no memory without end, and those after it are heard", async () => {
  const { process, lines } = await start("head -c 1000000 /dev/zero | tr '\\0' x; echo; sleep 0.2; echo after");
  await process.ended;
  await expect.poll(() => lines.at(-1)).toBe("stdout: after");
  expect(lines.join("").length).toBeLessThan(200_000);
});
