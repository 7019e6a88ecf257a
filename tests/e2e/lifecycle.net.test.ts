import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { until } from "./until.ts";

/** What a lab leaves on the machine, by its name. */
const NAME = "tlife";
const RUN_DIR = `/run/metallb-ts/${NAME}`;

/** A start, pods and an end, each of which a slow machine may make long. */
const timeout = 400_000;

let child: ChildProcess | undefined;

afterEach(async () => {
  child?.kill("SIGKILL");
  await ended(child);
  child = undefined;
  run("--sweep");
  expect(remains()).toEqual([]);
});

const run = (...args: string[]): string =>
  execFileSync(process.execPath, ["lab/main.ts", ...args], { encoding: "utf8", env: { ...process.env, LAB: NAME } });

async function startLab(): Promise<string> {
  child = spawn(process.execPath, ["lab/main.ts"], {
    env: { ...process.env, LAB: NAME },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return until(
    "the lab is up",
    () => output,
    (text) => text.includes("The lab is up"),
    120,
  );
}

/** Its exit code; null when a signal ended it. */
const ended = async (process: ChildProcess | undefined): Promise<number | null> => {
  if (process?.exitCode === null && process.signalCode === null) await once(process, "exit");
  return process?.exitCode ?? null;
};

/** Everything on this machine that carries the lab's name. */
function remains(): string[] {
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => (read(`/proc/${pid}/cmdline`).includes(RUN_DIR) ? [`process ${pid}`] : []));
  const mounts = read("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.includes(RUN_DIR));
  const namespaces = readdirSync("/run/netns").filter((name) => name.startsWith(`mlb-${NAME}-`));
  // Others' groups may go while it looks.
  const groups = spawnSync("find", ["/sys/fs/cgroup", "-type", "d", "-path", `*${NAME}*`], {
    encoding: "utf8",
  }).stdout.trim();
  return [
    ...commands,
    ...mounts,
    ...namespaces,
    ...(groups === "" ? [] : [groups]),
    ...(existsSync(RUN_DIR) ? [RUN_DIR] : []),
  ];
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function createPods(): Promise<void> {
  const kubectl = (...args: string[]): string =>
    execFileSync("sh", ["-c", '. "$0/env"; exec kubectl "$@"', RUN_DIR, ...args], { encoding: "utf8" });
  kubectl("create", "deployment", "nginx", "--image=nginx", "--replicas=3");
  await until(
    "pods run",
    () => kubectl("get", "pods"),
    (text) => (text.match(/1\/1 +Running/g) ?? []).length === 3,
    120,
  );
}

test("Ctrl-C ends a lab with pods in it, and nothing is left", { timeout }, async () => {
  expect(await startLab()).toMatch(/KUBECONFIG +\/run\/metallb-ts\/tlife\/kubeconfig/);
  await createPods();
  child?.kill("SIGINT");
  expect(await ended(child)).toBe(0);
  expect(remains()).toEqual([]);
});

test("Ctrl-C while it starts leaves nothing either", { timeout }, async () => {
  child = spawn(process.execPath, ["lab/main.ts"], {
    env: { ...process.env, LAB: NAME },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await until(
    "it has begun",
    () => existsSync(RUN_DIR),
    (begun) => begun,
    120,
  );
  child.kill("SIGINT");
  expect(await ended(child)).toBe(0);
  expect(remains()).toEqual([]);
});

test("a second lab of the same name is refused in one line, and does not harm the first", { timeout }, async () => {
  await startLab();
  expect(() => run()).toThrow(/a lab named "tlife" is running \(process \d+\)/);
  expect(readdirSync("/run/netns").filter((name) => name.startsWith(`mlb-${NAME}-`)).length).toBeGreaterThanOrEqual(4);
});

test("what a killed lab left is removed by the next run", { timeout }, async () => {
  await startLab();
  await createPods();
  child?.kill("SIGKILL");
  await ended(child);
  expect(remains()).not.toEqual([]);
  run("--sweep");
  expect(remains()).toEqual([]);
});

test.each([
  [{ NODES: "1" }, 'lab: NODES="1": a lab has 2 to 9 nodes'],
  [{ LAB: "My Lab" }, 'lab: LAB="My Lab": a name of 1 to 6 lower-case letters and digits'],
])("%o is refused in one line", (env, line) => {
  let output = "";
  try {
    execFileSync(process.execPath, ["lab/main.ts"], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    output = (error as { stderr: Buffer }).stderr.toString();
  }
  expect(output.trim()).toBe(line);
});

test("without root it says so in one line", () => {
  const script = 'process.setuid(65534); await import("./lab/main.ts")';
  let output = "";
  try {
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    output = (error as { stderr: Buffer }).stderr.toString();
  }
  expect(output.trim()).toMatch(/^lab: the lab needs root: .* Run it with sudo\.$/);
});

test("where no namespace can be made it says so in one line, and what to do", () => {
  let output = "";
  try {
    execFileSync("setpriv", ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", process.execPath, "lab/main.ts"], {
      env: { ...process.env, LAB: NAME },
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    output = (error as { stderr: Buffer }).stderr.toString();
  }
  expect(output.trim()).toMatch(
    /^lab: this machine lets us make no network namespaces \(.*\)\. The lab needs root with CAP_SYS_ADMIN: .*$/,
  );
  expect(remains()).toEqual([]);
});
