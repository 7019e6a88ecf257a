import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually, type Network } from "../network/network.ts";
import { type OtherRouter, type Received, type SessionName } from "./cases.ts";

/** BIRD 2 on the network's first router. */
export class Bird implements OtherRouter {
  readonly #directory: string;

  static async start(network: Network): Promise<Bird> {
    const bird = new Bird(network.directoryOf("router1"));
    bird.#configure("one");
    network.start("router1", "bird", ["/usr/sbin/bird", "-f", "-c", bird.#at("conf"), "-s", bird.#at("ctl")]);
    await eventually("BIRD answers", () =>
      bird.ask("show status").then(
        () => true,
        () => false,
      ),
    );
    return bird;
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  #at(file: string): string {
    return join(this.#directory, `bird.${file}`);
  }

  #configure(password: string): void {
    writeFileSync(this.#at("conf"), configuration(this.#at("log"), password));
  }

  /** What BIRD prints. */
  async ask(command: string): Promise<string> {
    return (await promisify(execFile)("/usr/sbin/birdc", ["-s", this.#at("ctl"), ...command.split(" ")])).stdout;
  }

  async isEstablished(session: SessionName): Promise<boolean> {
    return (await this.ask(`show protocols to_${session}`)).includes("Established");
  }

  async received(session: SessionName): Promise<ReadonlyMap<string, Received>> {
    const shown = await this.ask(`show route protocol to_${session} all`);
    const routes = shown.split(/^(?=\S+\/\d+ )/m).slice(1);
    return new Map(routes.map((route) => [route.split(" ", 1)[0] ?? "", readRoute(route)]));
  }

  async setPassword(password: string): Promise<void> {
    this.#configure(password);
    await this.ask("configure");
  }

  isNoting(): boolean {
    return true;
  }

  lost(): string[] {
    return readFileSync(this.#at("log"), "utf8")
      .split("\n")
      .filter((line) => /to_(external|internal).*(removed|withdrawn)/.test(line));
  }
}

function readRoute(text: string): Received {
  const attribute = (name: string): string => new RegExp(`^\\tBGP\\.${name}: (.*)$`, "m").exec(text)?.[1] ?? "";
  const sets = (name: string): string[] =>
    [...attribute(name).matchAll(/\(([^)]*)\)/g)].map((set) => (set[1] ?? "").replaceAll(/, ?/g, ":"));
  const localPref = attribute("local_pref");
  return {
    communities: sets("community"),
    large: sets("large_community"),
    localPref: localPref === "" ? undefined : Number(localPref),
    asPath: attribute("as_path")
      .split(" ")
      .flatMap((asn) => (asn === "" ? [] : [Number(asn)])),
  };
}

const configuration = (log: string, password: string): string => `
log "${log}" all;
router id 10.0.1.1;
protocol device {}
protocol bfd { interface "eth0" { interval 100 ms; multiplier 3; }; }
template bgp node {
  debug { states, routes };
  passive;
  bfd;
  graceful restart on;
  error wait time 1, 2;
  ipv4 { import all; export none; extended next hop; };
  ipv6 { import all; export none; };
}
protocol bgp to_external from node {
  local 10.0.1.1 as 64512;
  neighbor 10.0.1.2 as 64513;
  password "${password}";
}
protocol bgp to_internal from node {
  local fd00:1::1 as 64513;
  neighbor fd00:1::2 as 64513;
  direct;
}
`;
