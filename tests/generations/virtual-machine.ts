import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { requireBanner } from "../../scripts/build.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const made = join(repository, ".cache/vm");
const program = fileURLToPath(new URL("./guest/main.ts", import.meta.url));
const init = fileURLToPath(new URL("./guest/init", import.meta.url));

/** What the machine inside says of one case. */
export interface Outcome {
  readonly passed: boolean;
  readonly words: string;
}

/**
 * Runs `tests/generations/guest` in a virtual machine whose kernel has VRF devices and netem, by software emulation: `-accel kvm`
 * may be there and hang when this machine is itself a virtual one.
 *
 * @throws Error with the end of the console when the machine says nothing, or isn't done within `limitMs`.
 */
export async function runGuest(limitMs: number): Promise<ReadonlyMap<string, Outcome>> {
  if (!existsSync(join(made, "initrd"))) throw new Error("there is no virtual machine: scripts/setup.sh vm makes it");
  const directory = mkdtempSync(join(tmpdir(), "vrf-guest-"));
  try {
    await packProgram(directory);
    return outcomesOf(await runMachine(directory, limitMs));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The kernel takes archives one behind another: the tree that was made once, and our program, which changes. */
async function packProgram(directory: string): Promise<void> {
  const tree = join(directory, "tree");
  mkdirSync(join(tree, "guest"), { recursive: true });
  await build({
    entryPoints: [program],
    outfile: join(tree, "guest/main.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    banner: requireBanner,
    logLevel: "error",
  });
  copyFileSync(init, join(tree, "init"));
  execFileSync("chmod", ["755", join(tree, "init")]);
  const pack = 'cp "$0" initrd && cd tree && find . | cpio --quiet -o -H newc >>../initrd';
  execFileSync("sh", ["-c", pack, join(made, "initrd")], { cwd: directory });
}

/** The console's text. */
async function runMachine(directory: string, limitMs: number): Promise<string> {
  const append = "console=ttyS0 panic=-1 quiet mitigations=off rdinit=/init";
  // Without cmpxchg16b: qemu 7.2 lets an interrupt tear it, and Linux 6.12 panics in its allocator now and then.
  const machine = [
    "-accel",
    "tcg,thread=multi",
    "-cpu",
    "qemu64,-cx16",
    "-smp",
    "2",
    "-m",
    "2048",
    "-no-reboot",
    "-nodefaults",
  ];
  const console = ["-display", "none", "-serial", "stdio"];
  const boot = ["-kernel", join(made, "vmlinuz"), "-initrd", join(directory, "initrd"), "-append", append];
  // By a program of its own, so that no machine outlives a test that was killed.
  const limit = ["--signal=KILL", `${limitMs / 1_000}`, "qemu-system-x86_64"];
  const qemu = spawn("timeout", [...limit, ...machine, ...console, ...boot], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [qemu.stdout, qemu.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = await new Promise<string>((resolve) => {
    qemu.on("error", (error) => resolve(error.message));
    qemu.on("close", (code, signal) => resolve(signal ?? `exit ${code}`));
  });
  return ended === "exit 0" ? text : `${text}\nqemu after at most ${limitMs} ms: ${ended}`;
}

/** @throws Error when the console names no case. */
function outcomesOf(console: string): ReadonlyMap<string, Outcome> {
  const lines = console.matchAll(/^@case (\{.*\})\r?$/gm);
  const outcomes = new Map(
    [...lines].map((line) => {
      const { name, ...outcome } = JSON.parse(line[1] ?? "") as Outcome & { readonly name: string };
      return [name, outcome];
    }),
  );
  const setup = outcomes.get("the machine inside");
  if (setup !== undefined) throw new Error(`the machine inside: ${setup.words}`);
  if (outcomes.size === 0) throw new Error(`the virtual machine said nothing of its cases:\n${console.slice(-2_000)}`);
  return outcomes;
}
