import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually, type Network } from "../network/network.ts";
import { type OtherRouter, type Received, type SessionName, sessionNames } from "./cases.ts";

const neighbors: Readonly<Record<SessionName, string>> = { external: "10.0.1.2", internal: "fd00:1::2" };

/** GoBGP on the network's first router. */
export class Gobgp implements OtherRouter {
  readonly #network: Network;
  readonly #directory: string;
  #pid = 0;

  static async start(network: Network): Promise<Gobgp> {
    const gobgp = new Gobgp(network);
    gobgp.#configure("one");
    const { pid } = network.start("router1", "gobgpd", ["gobgpd", "-f", gobgp.#at("toml"), "--pprof-disable"]);
    gobgp.#pid = pid;
    await eventually("GoBGP answers", () =>
      gobgp.#ask("neighbor").then(
        () => true,
        () => false,
      ),
    );
    for (const family of ["ipv4", "ipv6"]) {
      network.start("router1", `monitor-${family}`, [
        "gobgp",
        "monitor",
        "global",
        "rib",
        "--current",
        "-a",
        family,
        "-j",
      ]);
    }
    return gobgp;
  }

  private constructor(network: Network) {
    this.#network = network;
    this.#directory = network.directoryOf("router1");
  }

  #at(file: string): string {
    return join(this.#directory, `gobgp.${file}`);
  }

  #configure(password: string): void {
    writeFileSync(this.#at("toml"), configuration(password));
  }

  async #ask(...words: readonly string[]): Promise<unknown> {
    const netns = this.#network.netns("router1");
    const { stdout } = await promisify(execFile)("ip", ["netns", "exec", netns, "gobgp", ...words, "-j"]);
    const shown: unknown = JSON.parse(stdout);
    if (isObject(shown) && typeof shown["error"] === "string") throw new Error(shown["error"]);
    return shown;
  }

  async isEstablished(session: SessionName): Promise<boolean> {
    const shown = (await this.#ask("neighbor")) as readonly ShownNeighbor[];
    const found = shown.find(({ conf }) => conf.neighbor_address === neighbors[session]);
    return found?.state.session_state === established;
  }

  async received(session: SessionName): Promise<ReadonlyMap<string, Received>> {
    const families = ["ipv4", "ipv6"].map((family) =>
      this.#ask("neighbor", neighbors[session], "adj-in", "-a", family),
    );
    const tables = (await Promise.all(families)) as readonly Readonly<Record<string, readonly ShownPath[]>>[];
    const paths = tables.flatMap((table) => Object.entries(table));
    return new Map(paths.flatMap(([prefix, [path]]) => (path ? [[prefix, readPath(path)] as const] : [])));
  }

  /** A session is set up anew with the file's words when GoBGP is told to read it again. */
  async setPassword(password: string): Promise<void> {
    this.#configure(password);
    process.kill(this.#pid, "SIGHUP");
  }

  lost(): string[] {
    return this.#monitored().flatMap((lines) => lines.split("\n").filter((line) => line.includes('"withdrawal":true')));
  }

  isNoting(): boolean {
    return this.#monitored().every((lines) => lines !== "");
  }

  /** What the programs have said that watch the tables: first what is there, then what changes. */
  #monitored(): string[] {
    return ["ipv4", "ipv6"].map((family) => readFileSync(join(this.#directory, `monitor-${family}.out`), "utf8"));
  }
}

/** SessionState of GoBGP's api. */
const established = 6;

interface ShownNeighbor {
  readonly conf: { readonly neighbor_address: string };
  readonly state: { readonly session_state?: number };
}

interface ShownPath {
  readonly attrs: readonly Readonly<Record<string, unknown>>[];
}

/** Path attributes by their type codes: AS_PATH 2, LOCAL_PREF 5, COMMUNITIES 8 (RFC 1997), LARGE_COMMUNITY 32 (RFC 8092). */
function readPath({ attrs }: ShownPath): Received {
  const attribute = (type: number) => attrs.find((one) => one["type"] === type) ?? {};
  const communities = (attribute(8)["communities"] ?? []) as readonly number[];
  const large = (attribute(32)["value"] ?? []) as readonly { ASN: number; LocalData1: number; LocalData2: number }[];
  const segments = (attribute(2)["as_paths"] ?? []) as readonly { asns: readonly number[] | null }[];
  return {
    communities: communities.map((number) => `${number >>> 16}:${number & 65535}`),
    large: large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`),
    localPref: attribute(5)["value"] as number | undefined,
    asPath: segments.flatMap(({ asns }) => asns ?? []),
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const configuration = (password: string): string => `
[global.config]
  as = 64512
  router-id = "10.0.1.1"
${sessionNames.map((session) => neighborOf(session, password)).join("")}`;

const neighborOf = (session: SessionName, password: string): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${neighbors[session]}"
    peer-as = 64513
    local-as = ${session === "external" ? 64512 : 64513}
    ${session === "external" ? `auth-password = "${password}"` : ""}
  [neighbors.transport.config]
    passive-mode = true
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
${["ipv4-unicast", "ipv6-unicast"].map(familyOf).join("")}`;

const familyOf = (name: string): string => `
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${name}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
`;
