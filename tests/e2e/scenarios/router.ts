import { join } from "node:path";
import type { Router } from "../../../lab/topology/router.ts";
import { VtySession } from "../../../src/vty/session.ts";
import type { Path, Shown, Spine, Table } from "./scenario.ts";

/** For all scenarios together. */
const patience = AbortSignal.timeout(3_600_000);

/** Questions to a router's daemons, over their own sockets: one costs less than a millisecond. */
export class Asked implements Disposable {
  readonly #daemons: Readonly<Record<"bgpd" | "bfdd", VtySession>>;

  static async open({ socketDir }: Router): Promise<Asked> {
    const open = (daemon: string): Promise<VtySession> =>
      VtySession.open({ path: join(socketDir, `${daemon}.vty`), window: 1 }, patience);
    return new Asked({ bgpd: await open("bgpd"), bfdd: await open("bfdd") });
  }

  private constructor(daemons: Readonly<Record<"bgpd" | "bfdd", VtySession>>) {
    this.#daemons = daemons;
  }

  /** The whole table, both families. */
  async table(): Promise<Table> {
    const families = ["ipv4", "ipv6"].map(async (family) => {
      const { routes = {} } = await this.#bgp<{ routes: object }>(`show bgp ${family} unicast json`);
      return Promise.all(Object.keys(routes).map((prefix) => this.#paths(family, prefix)));
    });
    return Object.fromEntries(
      (await Promise.all(families)).flat().filter(([, paths]) => Object.keys(paths).length > 0),
    );
  }

  async #paths(family: string, prefix: string): Promise<[string, Readonly<Record<string, Path>>]> {
    const { paths = [] } = await this.#bgp<{ paths: readonly ShownPath[] }>(
      `show bgp ${family} unicast ${prefix} json`,
    );
    return [prefix, Object.fromEntries(paths.map((path) => [senderOf(path), pathOf(path)]))];
  }

  /** `show bgp neighbors json`. */
  neighbors(): Promise<Partial<Readonly<Record<string, Shown>>>> {
    return this.#bgp("show bgp neighbors json");
  }

  /** `show bfd peers json`, by peer. */
  async bfd(): Promise<Readonly<Record<string, Shown>>> {
    const shown = JSON.parse(await this.#daemons.bfdd.run("show bfd peers json", patience)) as readonly Shown[];
    return Object.fromEntries(shown.map((peer) => [String(peer["peer"]), peer]));
  }

  /** Configuration lines as typed after `configure terminal`. */
  async configure(daemon: "bgpd" | "bfdd", lines: readonly string[]): Promise<void> {
    for (const line of ["configure terminal", ...lines, "end"]) await this.#daemons[daemon].run(line, patience);
  }

  /** Takes away its BGP and its BFD. */
  async forget(): Promise<void> {
    const bgp = /^router bgp \d+/m.exec(await this.#daemons.bgpd.run("show running-config", patience))?.[0];
    if (bgp !== undefined) await this.configure("bgpd", [`no ${bgp}`]);
    const profiles = /^ profile spine$/m.test(await this.#daemons.bfdd.run("show running-config", patience));
    if (profiles) await this.configure("bfdd", ["bfd", "no profile spine"]);
  }

  /** Without BGP there is no answer to some questions. */
  async #bgp<T extends object>(command: string): Promise<Partial<T>> {
    const [reply] = await this.#daemons.bgpd.send([command], patience);
    return reply?.rc === 0 && reply.output.trim() !== "" ? (JSON.parse(reply.output) as T) : {};
  }

  [Symbol.dispose](): void {
    for (const session of Object.values(this.#daemons)) session.close();
  }
}

interface ShownPath {
  readonly valid?: boolean;
  readonly bestpath?: { readonly overall?: boolean };
  readonly multipath?: boolean;
  readonly aspath?: { readonly string: string };
  readonly community?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly metric?: number;
  readonly locPrf?: number;
  readonly peer: { readonly peerId: string; readonly interface?: string };
}

const pathOf = (path: ShownPath): Path => ({
  asPath: path.aspath?.string ?? "",
  communities: path.community?.string ?? "",
  large: path.largeCommunity?.string ?? "",
  med: path.metric ?? 0,
  localPref: path.locPrf,
  used: path.valid === true && (path.bestpath?.overall === true || path.multipath === true),
});

const nodes: Readonly<Record<string, string>> = {
  "10.0.0.11": "node1",
  "10.0.0.12": "node2",
  "fd00:10::11": "node1",
  "fd00:10::12": "node2",
};

const senderOf = ({ peer }: ShownPath): string => nodes[peer.peerId] ?? peer.interface ?? peer.peerId;

/** Lines that set the second router up, for each daemon. */
export function spineLines({ asn, nodeASN = 64513, neighbors, options = [], bfd }: Spine): {
  readonly bgpd: readonly string[];
  readonly bfdd: readonly string[];
} {
  const all = neighbors ?? ["10.0.0.11", "10.0.0.12"];
  const each = (line: (neighbor: string) => readonly string[]): string[] => all.flatMap(line);
  const family = (name: string): string[] => [
    `address-family ${name} unicast`,
    "maximum-paths 64",
    "maximum-paths ibgp 64",
    ...each((neighbor) => [`neighbor ${neighbor} activate`]),
    "exit-address-family",
  ];
  return {
    bgpd: [
      `router bgp ${asn}`,
      "bgp router-id 10.0.0.2",
      "no bgp ebgp-requires-policy",
      "no bgp default ipv4-unicast",
      "bgp bestpath as-path multipath-relax",
      ...each((neighbor) => [
        `neighbor ${neighbor} ${isAddress(neighbor) ? "" : "interface "}remote-as ${nodeASN}`,
        ...(isAddress(neighbor) ? [`neighbor ${neighbor} passive`] : []),
        ...options.map((option) => `neighbor ${neighbor} ${option}`),
      ]),
      ...family("ipv4"),
      ...family("ipv6"),
    ],
    bfdd: bfd === undefined ? [] : ["bfd", "profile spine", ...bfd],
  };
}

const isAddress = (neighbor: string): boolean => /[.:]/.test(neighbor);
