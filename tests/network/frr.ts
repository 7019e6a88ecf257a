import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabProcess } from "../../lab/processes.ts";
import { VtySession } from "../../src/vty/session.ts";
import { eventually, type Network } from "./network.ts";

export type DaemonProgram = "zebra" | "bgpd" | "bfdd";

const patience = AbortSignal.timeout(900_000);

/** The machine's FRR on one host of a network, with no configuration of its own. */
export class Frr {
  readonly socketDir: string;
  readonly #network: Network;
  readonly #host: string;
  readonly #listens: boolean;
  readonly #running = new Map<DaemonProgram, LabProcess>();
  readonly #sessions = new Map<DaemonProgram, Promise<VtySession>>();

  /** A router listens for BGP; our own FRR, as in the frr container, doesn't. */
  static async start(network: Network, host: string, { listens = host !== "node" } = {}): Promise<Frr> {
    const frr = new Frr(network, host, listens);
    for (const daemon of ["zebra", "bgpd", "bfdd"] as const) await frr.startDaemon(daemon);
    return frr;
  }

  private constructor(network: Network, host: string, listens: boolean) {
    this.#network = network;
    this.#host = host;
    this.#listens = listens;
    this.socketDir = network.directoryOf(host);
    writeFileSync(join(this.socketDir, "empty.conf"), "");
    execFileSync("chown", ["-R", "frr:frr", this.socketDir]);
  }

  /** Resolves once the daemon answers. */
  async startDaemon(daemon: DaemonProgram): Promise<void> {
    const at = (file: string): string => join(this.socketDir, file);
    const own = {
      zebra: ["-s", "90000000"],
      bgpd: this.#listens ? [] : ["-p", "0"],
      bfdd: ["--bfdctl", at("bfdd.sock")],
    };
    const files = [
      "--vty_socket",
      this.socketDir,
      "-z",
      at("zserv.api"),
      "-i",
      at(`${daemon}.pid`),
      "-f",
      at("empty.conf"),
    ];
    const log = ["-P", "0", "--log", `file:${at(`${daemon}.log`)}`];
    const argv = [`/usr/lib/frr/${daemon}`, ...files, ...log, ...own[daemon]];
    const { ended, ...started } = this.#network.start(this.#host, daemon, argv);
    this.#running.set(daemon, { ended, ...started });
    let died: string | undefined;
    void ended.then((how) => (died = how));
    await eventually(`${daemon} of ${this.#host} answers`, async () => {
      if (died !== undefined) throw new Error(`${daemon} of ${this.#host} ended (${died}); see its log`);
      return this.vty(daemon, "show version").then(
        () => true,
        () => false,
      );
    });
  }

  /** Like a crash: the daemon says no goodbye. */
  async kill(daemon: DaemonProgram): Promise<void> {
    const running = this.#running.get(daemon);
    if (running === undefined) throw new Error(`bug: ${daemon} of ${this.#host} does not run`);
    process.kill(running.pid, "SIGKILL");
    await running.ended;
    rmSync(join(this.socketDir, `${daemon}.vty`), { force: true });
  }

  /** Runs commands one after another, as a person in vtysh would; the last one's output. */
  async vty(daemon: DaemonProgram, ...commands: readonly string[]): Promise<string> {
    const session = await this.#session(daemon);
    let output = "";
    for (const command of commands) output = await session.run(command, patience);
    return output;
  }

  /** Configuration lines as typed after `configure terminal`. */
  async configure(daemon: DaemonProgram, ...lines: readonly string[]): Promise<void> {
    await this.vty(daemon, "configure terminal", ...lines, "end");
  }

  async json(daemon: DaemonProgram, command: string): Promise<Record<string, unknown>> {
    return JSON.parse(await this.vty(daemon, command)) as Record<string, unknown>;
  }

  /** The daemon's log from a former length on. */
  log(daemon: DaemonProgram, from = 0): string {
    return readFileSync(join(this.socketDir, `${daemon}.log`), "utf8").slice(from);
  }

  /** Prefixes in the table. */
  async routes(family: "ipv4" | "ipv6" = "ipv4"): Promise<string[]> {
    const { routes } = await this.json("bgpd", `show bgp ${family} unicast json`);
    return Object.keys((routes as Record<string, unknown> | undefined) ?? {}).toSorted();
  }

  /** How many prefixes the table holds; costs bgpd less than `routes`. */
  async tableSize(): Promise<number> {
    const shown = await this.json("bgpd", "show bgp ipv4 unicast summary json");
    return Object.values((shown["peers"] ?? {}) as Record<string, { pfxRcd?: number }>).reduce(
      (sum, { pfxRcd = 0 }) => sum + pfxRcd,
      0,
    );
  }

  async hasRoute(prefix: string): Promise<boolean> {
    const family = prefix.includes(":") ? "ipv6" : "ipv4";
    const { paths } = await this.json("bgpd", `show bgp ${family} unicast ${prefix} json`);
    return paths !== undefined;
  }

  /** The session that is open, or a new one. */
  async #session(daemon: DaemonProgram): Promise<VtySession> {
    const known = await this.#sessions.get(daemon)?.catch(() => undefined);
    if (known?.isOpen) return known;
    const path = join(this.socketDir, `${daemon}.vty`);
    const opening = VtySession.open({ path, window: daemon === "bgpd" ? 256 : 1 }, patience);
    this.#sessions.set(daemon, opening);
    return opening;
  }
}

/** A router that takes what AS 64513 announces, as MetalLB's users configure theirs, and notes in its log each prefix that it is told. */
export async function configureRouter(
  frr: Frr,
  neighbors: readonly { readonly address: string; readonly families: readonly ("ipv4" | "ipv6")[] }[],
  { asn = 64512, lines = [] as readonly string[], notes = true } = {},
): Promise<void> {
  const all = (line: (address: string) => readonly string[]): string[] =>
    neighbors.flatMap(({ address }) => line(address));
  await frr.configure(
    "bgpd",
    ...(notes ? ["log timestamp precision 6", "debug bgp updates in"] : []),
    `router bgp ${asn}`,
    "bgp log-neighbor-changes",
    "no bgp ebgp-requires-policy",
    "no bgp default ipv4-unicast",
    ...all((address) => [`neighbor ${address} remote-as 64513`, `neighbor ${address} passive`]),
    ...lines,
    ...(["ipv4", "ipv6"] as const).flatMap((family) => [
      `address-family ${family} unicast`,
      ...neighbors
        .filter(({ families }) => families.includes(family))
        .map(({ address }) => `neighbor ${address} activate`),
      "exit-address-family",
    ]),
  );
}
