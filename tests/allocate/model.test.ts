import { expect, test } from "vitest";
import { Simulation } from "./simulation.ts";

const STEPS = Number(process.env["STEPS"] ?? 100_000);
const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
/** So many steps make one world; then another begins. */
const LIFE = 250;

test(
  `the allocator does what the model says: ${STEPS} random steps from seed ${SEED}`,
  () => {
    console.log(`seed ${SEED}: ${STEPS} steps`);
    for (let done = 0; done < STEPS; done += LIFE) live(SEED + done / LIFE);
  },
  STEPS * 20 + 20_000,
);

function live(seed: number): void {
  const world = new Simulation(seed);
  for (let i = 1; i <= LIFE; i++) {
    try {
      world.step();
      if (i % 25 === 0) world.settle();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? "") : String(error);
      const trace = world.trace.slice(-30).join("\n");
      expect.fail(`SEED=${seed} STEPS=${LIFE}, step ${i}: ${text}\n\n${trace}`);
    }
  }
}
