import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * How long `expect.poll` asks, where nothing else is said. Vitest's one second is less than a busy machine may rest; what
 * holds sooner costs nothing.
 */
const expectation = { poll: { timeout: 20_000 } };

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
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: expectation,
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
          expect: expectation,
          // Each file makes namespaces and containers of its own; two cores serve one at a time best.
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
