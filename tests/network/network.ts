import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LabProcess, startProcess } from "../../lab/processes.ts";
import { eventually, ip } from "../../src/backends/frr/testing/namespaces.ts";
import { netnsOf } from "./run.ts";

export { eventually };

/**
 * One node and some routers, each on a wire of its own, in namespaces.
 *
 *     node ── up1 10.0.1.2 fd00:1::2 ── eth0 10.0.1.1 fd00:1::1 ── router 1
 *          ── up2 10.0.2.2 fd00:2::2 ── eth0 10.0.2.1 fd00:2::1 ── router 2
 */
export class Network implements AsyncDisposable {
  /** Daemons' users may enter it. */
  readonly directory = mkdtempSync(join(tmpdir(), "metallb-net-"));
  readonly #prefix: string;
  readonly #namespaces: string[] = [];
  readonly #processes: LabProcess[] = [];

  /** `prefix` begins the names of the namespaces. */
  constructor(prefix: string, routers: number) {
    this.#prefix = prefix;
    chmodSync(this.directory, 0o755);
    try {
      this.#addNamespace("node");
      for (let i = 1; i <= routers; i++) this.#addRouter(i);
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  netns(host: string): string {
    return netnsOf(`${this.#prefix}${host}`);
  }

  /** A directory of the host's own. */
  directoryOf(host: string): string {
    const directory = join(this.directory, host);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** Starts a program on a host, its output in the host's directory. */
  start(host: string, name: string, argv: readonly string[]): LabProcess {
    const logFile = join(this.directoryOf(host), `${name}.out`);
    const options = { name: `${host}-${name}`, argv, netns: this.netns(host), runDir: this.directory, logFile };
    const started = startProcess(options);
    this.#processes.push(started);
    return started;
  }

  #addRouter(i: number): void {
    const [node, router] = [this.netns("node"), this.netns(`router${i}`)];
    this.#addNamespace(`router${i}`);
    ip("link", "add", `up${i}`, "netns", node, "type", "veth", "peer", "name", "eth0", "netns", router);
    for (const [netns, device, last] of [
      [node, `up${i}`, 2],
      [router, "eth0", 1],
    ] as const) {
      ip("-n", netns, "address", "add", `10.0.${i}.${last}/24`, "dev", device);
      ip("-n", netns, "address", "add", `fd00:${i}::${last}/64`, "dev", device, "nodad");
      ip("-n", netns, "link", "set", device, "up");
    }
  }

  #addNamespace(host: string): void {
    const name = this.netns(host);
    ip("netns", "add", name);
    this.#namespaces.push(name);
    ip("-n", name, "link", "set", "lo", "up");
    // A BFD echo comes back by being forwarded.
    // Without a link-local address FRR starts no IPv6 session, and duplicate address detection takes its seconds.
    const settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.default.accept_dad=0"];
    ip("netns", "exec", name, "sysctl", "-qw", ...settings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((started) => started.stop()));
    this.#remove();
  }

  #remove(): void {
    for (const name of this.#namespaces) spawnSync("ip", ["netns", "delete", name]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
