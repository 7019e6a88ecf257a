import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One FRR that the tests run against, in a tree of its own or the machine's. */
export interface Generation {
  /** As `show version` says it: `8.4`. */
  readonly release: "8.4" | "10.3";
  /** Root of the tree that holds it. */
  readonly root: string;
  /** Its daemons, in the order in which they start. From 9 on, mgmtd takes zebra's and staticd's configuration. */
  readonly daemons: readonly DaemonProgram[];
}

export type DaemonProgram = "mgmtd" | "zebra" | "bgpd" | "bfdd" | "staticd";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));

/** Debian 12's FRR, which the machine has, and Debian 13's (scripts/frr10-root.sh). */
export const generations: readonly Generation[] = [
  { release: "8.4", root: "/", daemons: ["zebra", "bgpd", "bfdd", "staticd"] },
  {
    release: "10.3",
    root: join(repository, ".cache/frr10/root"),
    daemons: ["mgmtd", "zebra", "bgpd", "bfdd", "staticd"],
  },
];

/** The generation that is the machine's own. */
export const ownGeneration = generations[0] as Generation;

/** @throws Error when the generation isn't on this machine, or is another release than it should be. */
export function requireGeneration({ release, root }: Generation): void {
  const bgpd = join(root, "usr/lib/frr/bgpd");
  if (!existsSync(bgpd))
    throw new Error(`FRR ${release} is not on this machine: scripts/setup.sh and scripts/setup.sh vm install both`);
  const version = execFileSync("chroot", [root, "/usr/lib/frr/bgpd", "--version"]).toString().split("\n")[0] ?? "";
  if (!version.startsWith(`bgpd version ${release}`))
    throw new Error(`this is to be FRR ${release}, and says "${version}"`);
}

/** `uid:gid` of the daemons' user: a tree has its own numbers. */
export function userOf({ root }: Generation): string {
  const line = /^frr:[^:]*:(\d+):(\d+):/m.exec(readFileSync(join(root, "etc/passwd"), "utf8"));
  if (line === null) throw new Error(`no user frr in ${root}`);
  return `${line[1]}:${line[2]}`;
}

/**
 * The command that runs a program of the generation inside a namespace, with `directory` under its own name on both sides.
 *
 * `ip netns exec` brings a mount namespace that ends with the program. Mgmtd's sockets for the other daemons lie at a place
 * that no option moves (FRR lib/mgmt_defines.h), so the directory is there too.
 */
export function commandIn({ root }: Generation, netns: string, directory: string, argv: readonly string[]): string[] {
  if (root === "/") return ["ip", "netns", "exec", netns, ...argv];
  const enter = `set -e
    mount -t proc proc "$0/proc"
    mount --rbind /dev "$0/dev"
    mount -t tmpfs tmpfs "$0/tmp"
    mkdir -p "$0$1" "$0/run/frr"
    mount --bind "$1" "$0$1"
    mount --bind "$1" "$0/run/frr"
    tree=$0
    shift
    exec chroot "$tree" "$@"`;
  return ["ip", "netns", "exec", netns, "sh", "-c", enter, root, directory, ...argv];
}
