import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** `unit` needs nothing but Node; `net` needs root, namespaces and the programs that `scripts/setup.sh` installs. */
export default defineConfig({
  test: {
    reporters: ["default"],
    // Vitest leaves one core to others; on two cores that is half of the machine.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: "unit",
          include: ["{src,lab,tests,scripts}/**/*.test.ts"],
          exclude: ["**/*.net.test.ts", "node_modules/**"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "net",
          globalSetup: ["tests/network/run.ts"],
          include: ["{src,lab,tests}/**/*.net.test.ts"],
          exclude: ["node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Each file makes namespaces and containers of its own; two cores serve one at a time best.
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
