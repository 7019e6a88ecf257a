/**
 * Bundles the programs into the folder given (default: dist), with source maps: one file for each, what several share, and
 * apart what is loaded only when it is needed, since source text that was read stays in memory.
 */
import { build } from "esbuild";

const PROGRAMS = ["controller", "speaker", "cli"] as const;
/**
 * How node is to run them. Each was measured with 2,000 Services in a speaker (docs/decisions/0006); none is a limit that a large
 * cluster could run into.
 */
export const nodeFlags = [
  // Young objects are copied twice before they count as old; more room for them is never given back.
  "--max-semi-space-size=1",
  // The heap grows by 2 MiB and not by 8 between two collections.
  "--optimize-for-size",
  // Compiling in threads leaves an arena of malloc behind for each of them.
  "--no-concurrent-recompilation",
] as const;

/** CommonJS packages inside an ES module: they expect this name. */
export const requireBanner = {
  js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
};

/** Threads that a program starts, from files beside its own. */
const WORKERS = ["self-signed"] as const;

export async function buildPrograms(outdir: string): Promise<void> {
  await build({
    entryPoints: [
      ...PROGRAMS.map((name) => ({ in: `src/programs/${name}.ts`, out: name })),
      ...WORKERS.map((name) => ({ in: `src/runtime/${name}.ts`, out: name })),
    ],
    absWorkingDir: new URL("..", import.meta.url).pathname,
    outdir,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    sourcemap: "linked",
    outExtension: { ".js": ".mjs" },
    logLevel: "error",
    banner: requireBanner,
  });
}

if (import.meta.main) await buildPrograms(process.argv[2] ?? "dist");
