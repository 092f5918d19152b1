import { defineConfig } from "vitest/config";

// Unit tests lie beside their sources and run side by side; whole-host tests (test/) drive real guests, so no more than two run at a time:
// each has a host, a root folder and a port of its own.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "guest/**/*.test.ts", "scripts/**/*.test.ts"],
          testTimeout: 30_000,
          isolate: false, // reading the sources anew for each of some three hundred files takes longer than all their tests
        },
      },
      {
        test: {
          name: "host",
          include: ["test/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: "bench", include: ["bench/**/*.bench.ts"], fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
