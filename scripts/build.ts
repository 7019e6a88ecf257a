/** Bundles the programs: one file for each, with its source map, into the folder given (default: dist). */
import { build } from "esbuild";

const PROGRAMS = ["controller", "speaker", "cli"] as const;

export async function buildPrograms(outdir: string): Promise<void> {
  await build({
    entryPoints: PROGRAMS.map((name) => `src/programs/${name}.ts`),
    absWorkingDir: new URL("..", import.meta.url).pathname,
    outdir,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    sourcemap: "linked",
    outExtension: { ".js": ".mjs" },
    logLevel: "error",
    // CommonJS packages inside an ES module: they expect these names.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
}

if (import.meta.main) await buildPrograms(process.argv[2] ?? "dist");
