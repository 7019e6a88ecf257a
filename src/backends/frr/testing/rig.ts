import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptyTree, type Tree } from "../../../frr/tree.ts";
import { parseRunning } from "../../../frr/parse.ts";
import { VtySession } from "../../../vty/session.ts";
import {
  commandIn,
  type DaemonProgram,
  type Generation,
  ownGeneration,
  requireGeneration,
  userOf,
} from "./generations.ts";
import { eventually, ip } from "./namespaces.ts";

type End = "node" | "router";

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;

/**
 * Two namespaces on one veth: our FRR, which listens on nothing (10.0.0.2, fd00::2), and a router (10.0.0.1, fd00::1), which is
 * the machine's FRR whatever generation ours is.
 */
export class Rig implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "frr-rig-"));
  readonly #names: Readonly<Record<End, string>>;
  readonly #generations: Readonly<Record<End, Generation>>;

  static async start(node: Generation = ownGeneration): Promise<Rig> {
    requireGeneration(node);
    await using undo = new AsyncDisposableStack();
    const rig = undo.use(new Rig(node));
    for (const end of ["node", "router"] as const) {
      for (const daemon of rig.#generations[end].daemons) rig.startDaemon(end, daemon);
    }
    await eventually("the daemons answer", () =>
      ["node", "router"].every((end) => existsSync(join(rig.socketDir(end as End), "bfdd.vty"))),
    );
    undo.move();
    return rig;
  }

  private constructor(generation: Generation) {
    this.#generations = { node: generation, router: ownGeneration };
    // As tests/network/run.ts has it, which removes them when this process is killed.
    const run = `${process.env["TEST_RUN"]}-${process.pid}`;
    this.#names = { node: `${run}-node`, router: `${run}-router` };
    const { node, router } = this.#names;
    for (const name of [node, router]) ip("netns", "add", name);
    ip("link", "add", "eth0", "netns", node, "type", "veth", "peer", "name", "eth0", "netns", router);
    this.#configure("node", "10.0.0.2/24", "fd00::2/64");
    this.#configure("router", "10.0.0.1/24", "fd00::1/64");
    execFileSync("chmod", ["755", this.#directory]);
    for (const end of ["node", "router"] as const) {
      mkdirSync(this.socketDir(end));
      writeFileSync(join(this.socketDir(end), "empty.conf"), "");
      execFileSync("chown", ["-R", userOf(this.#generations[end]), this.socketDir(end)]);
    }
  }

  #configure(end: End, ...addresses: readonly string[]): void {
    const name = this.#names[end];
    for (const address of addresses)
      ip("-n", name, "address", "add", address, "dev", "eth0", ...(address.includes(":") ? ["nodad"] : []));
    for (const device of ["lo", "eth0"]) ip("-n", name, "link", "set", device, "up");
  }

  socketDir(end: End): string {
    return join(this.#directory, end);
  }

  startDaemon(end: End, daemon: DaemonProgram): void {
    const directory = this.socketDir(end);
    const isOwn = this.#generations[end] === ownGeneration;
    const own = {
      mgmtd: [],
      zebra: [],
      bgpd: end === "node" ? ["-p", "0"] : [],
      // Newer ones have no such option.
      bfdd: isOwn ? ["--bfdctl", join(directory, "bfdd.sock")] : [],
      staticd: [],
    };
    const common = [
      "-d",
      "-P",
      "0",
      "--vty_socket",
      directory,
      "-z",
      join(directory, "zserv.api"),
      "-i",
      this.#pidFile(end, daemon),
    ];
    // The machine's own may have files for daemons, which are not ours to read; some newer ones have no such option.
    const configuration = isOwn ? ["-f", join(directory, "empty.conf")] : [];
    const logging = ["--log", `file:${join(directory, `${daemon}.log`)}`];
    const argv = [`/usr/lib/frr/${daemon}`, ...common, ...configuration, ...own[daemon], ...logging];
    const [program = "", ...args] = commandIn(this.#generations[end], this.#names[end], directory, argv);
    // In a file, not a pipe: a daemon keeps it open, and the wait for a pipe's end would be one for the daemon's.
    const words = openSync(join(directory, `${daemon}.out`), "w");
    const { status } = spawnSync(program, args, { stdio: ["ignore", words, words] });
    closeSync(words);
    if (status !== 0)
      throw new Error(
        `${daemon} of FRR ${this.#generations[end].release} does not start: ${readFileSync(join(directory, `${daemon}.out`), "utf8")}`,
      );
  }

  /** Like a crash: the daemon says no goodbye. Resolves when it is gone: until then another finds its pid file locked. */
  async kill(end: End, daemon: DaemonProgram): Promise<void> {
    const pid = this.pid(end, daemon);
    process.kill(pid, "SIGKILL");
    await eventually(`${daemon} is gone`, () => hasEnded(pid));
  }

  pid(end: End, daemon: DaemonProgram): number {
    return Number(readFileSync(this.#pidFile(end, daemon), "utf8"));
  }

  #pidFile = (end: End, daemon: DaemonProgram): string => join(this.socketDir(end), `${daemon}.pid`);

  /** Runs a program of this machine at one end; its output. */
  exec(end: End, ...argv: readonly string[]): string {
    return execFileSync("ip", ["netns", "exec", this.#names[end], ...argv]).toString();
  }

  /** Runs commands one after another, as a person in vtysh would; the last one's output. */
  async vty(end: End, daemon: DaemonProgram, ...commands: readonly string[]): Promise<string> {
    const session = await VtySession.open({ path: join(this.socketDir(end), `${daemon}.vty`), window: 1 }, patience);
    try {
      let output = "";
      for (const command of commands) output = await session.run(command, patience);
      return output;
    } finally {
      session.close();
    }
  }

  async json(end: End, daemon: DaemonProgram, command: string): Promise<Record<string, unknown>> {
    return JSON.parse(await this.vty(end, daemon, command)) as Record<string, unknown>;
  }

  /** Our FRR's running configuration. */
  async running(): Promise<Tree> {
    const parts = ["zebra", "bgpd", "bfdd"] as const;
    const read = async (daemon: (typeof parts)[number]) =>
      parseRunning(daemon, await this.vty("node", daemon, "show running-config"));
    return Object.assign({ ...emptyTree }, ...(await Promise.all(parts.map(read)))) as Tree;
  }

  /** Prefixes in the router's table. */
  async routes(family = "ipv4"): Promise<string[]> {
    const { routes } = await this.json("router", "bgpd", `show bgp ${family} unicast json`);
    return Object.keys((routes as Record<string, unknown> | undefined) ?? {}).toSorted();
  }

  /** What the router holds of a prefix; `undefined` when it has no route. */
  async route(prefix: string): Promise<
    | {
        readonly communities: string;
        readonly large: string;
        readonly localPref: number;
        readonly asPath: string;
        readonly med: number | undefined;
      }
    | undefined
  > {
    const family = prefix.includes(":") ? "ipv6" : "ipv4";
    const { paths } = await this.json("router", "bgpd", `show bgp ${family} unicast ${prefix} json`);
    const path = (paths as ShownPath[] | undefined)?.[0];
    if (path === undefined) return undefined;
    return {
      communities: path.community?.string ?? "",
      large: path.largeCommunity?.string ?? "",
      localPref: path.locPrf ?? 0,
      asPath: path.aspath?.string ?? "",
      med: path.metric,
    };
  }

  /** Whether a session with one of our addresses has told the router its whole table: the End-of-RIB (RFC 4724 §2) is an UPDATE too. */
  async toldAll(address: string): Promise<boolean> {
    const shown = (await this.json("router", "bgpd", `show bgp neighbors ${address} json`))[address];
    const { gracefulRestartInfo } = shown as {
      readonly gracefulRestartInfo?: { readonly endOfRibRecv?: { readonly ipv4Unicast?: boolean } };
    };
    return gracefulRestartInfo?.endOfRibRecv?.ipv4Unicast === true;
  }

  /** Lines of the router's log from `from` (a former length) on. */
  routerLog(from = 0): string {
    return readFileSync(join(this.socketDir("router"), "bgpd.log"), "utf8").slice(from);
  }

  /** Has the router take sessions with both of our addresses, for IPv4, and log what it hears; `offers` are lines of its family. */
  async acceptSessions(...offers: readonly string[]): Promise<void> {
    const neighbors = ["10.0.0.2", "fd00::2"];
    await this.vty(
      "router",
      "bgpd",
      "configure terminal",
      "debug bgp updates in",
      "router bgp 64512",
      "no bgp ebgp-requires-policy",
      "no bgp default ipv4-unicast",
      "no bgp network import-check",
      "coalesce-time 0",
      ...neighbors.flatMap((one) => [`neighbor ${one} remote-as external`, `neighbor ${one} passive`]),
      "address-family ipv4 unicast",
      ...offers,
      ...neighbors.map((one) => `neighbor ${one} activate`),
      "end",
    );
  }

  /** Commands that configure our bgpd from now on, in FRR's own log of them (`log commands`); of each call, those since the last. */
  commands(): () => string[] {
    const file = join(this.socketDir("node"), "bgpd.log");
    let from = readFileSync(file, "utf8").length;
    return () => {
      const text = readFileSync(file, "utf8");
      const fresh = text.slice(from);
      from = text.length;
      return [...fresh.matchAll(/vty\[\d+\]@[^#>]*[#>] ?(.*)$/gm)]
        .map(([, command = ""]) => command.trim())
        .filter((command) => !/^(?:show |clear |enable$)/.test(command));
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of ["node", "router"] as const) {
      for (const daemon of this.#generations[end].daemons.toReversed()) {
        if (existsSync(this.#pidFile(end, daemon))) {
          try {
            await this.kill(end, daemon);
          } catch {
            // It ended before.
          }
        }
      }
      spawnSync("ip", ["netns", "delete", this.#names[end]]);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Nobody may ask after the end of a daemon, which then stays as a zombie; its files are closed when its last thread is gone. */
function hasEnded(pid: number): boolean {
  try {
    const isZombie = readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    return isZombie && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

interface ShownPath {
  readonly community?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly locPrf?: number;
  readonly aspath?: { readonly string: string };
  readonly metric?: number;
}
