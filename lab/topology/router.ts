import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { kill, type LabProcess, startProcess } from "../processes.ts";

/** A router of the network outside the cluster: real FRR in a namespace of its own. */
export interface Router {
  /** Runs one vtysh command at the router and gives what it prints. */
  vtysh(command: string): Promise<string>;
  /** Several configuration lines, as typed after `configure terminal`. */
  configure(lines: readonly string[]): Promise<void>;
  readonly logFile: string;
  /** Kills a daemon as a crash would, starts it again without configuration, and resolves when it answers. */
  crash(daemon: "zebra" | "bgpd" | "bfdd"): Promise<void>;
  /** Folder of the daemons' vty sockets. */
  readonly socketDir: string;
  stop(): Promise<void>;
}

/** Starts zebra, bgpd and bfdd with `config` (FRR's own text) inside `netns`; resolves when all of them answer. */
export async function startRouter(options: {
  readonly name: string;
  readonly netns: string;
  readonly runDir: string;
  readonly config: string;
}): Promise<Router> {
  const dir = join(options.runDir, options.name);
  mkdirSync(dir, { recursive: true });
  const logFile = join(dir, "frr.log");
  const configFile = join(dir, "frr.conf");
  writeFileSync(configFile, options.config);
  writeFileSync(join(dir, "vtysh.conf"), "service integrated-vtysh-config\n");
  writeFileSync(logFile, "");
  execFileSync("chown", ["-R", "frr:frr", dir]);
  chmodSync(dir, 0o755);
  const daemons = new Map<string, LabProcess>();
  const start = async (daemon: (typeof DAEMONS)[number]): Promise<void> => {
    daemons.set(daemon[0], startDaemon(options, dir, logFile, daemon));
    await answers(dir, daemon[0]);
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...daemons.values()].reverse().map((daemon) => daemon.stop()));
  };
  try {
    for (const daemon of DAEMONS) await start(daemon);
  } catch (error) {
    await stop();
    throw error;
  }
  const vtysh = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("vtysh", ["--config_dir", dir, "--vty_socket", dir, ...args], { maxBuffer: 1 << 26 }))
      .stdout;
  await vtysh("-f", configFile);
  return {
    logFile,
    socketDir: dir,
    vtysh: (command) => vtysh("-c", command),
    configure: async (lines) => {
      await vtysh(...["configure terminal", ...lines].flatMap((line) => ["-c", line]));
    },
    crash: async (name) => {
      const running = daemons.get(name);
      // Not SIGTERM first: who is fast enough says goodbye, which ends what a graceful restart would keep.
      if (running !== undefined) kill(running.pid);
      await running?.ended;
      for (const daemon of DAEMONS) if (daemon[0] === name) await start(daemon);
    },
    stop,
  };
}

function startDaemon(
  { name, netns, runDir }: { readonly name: string; readonly netns: string; readonly runDir: string },
  dir: string,
  logFile: string,
  [daemon, ...args]: (typeof DAEMONS)[number],
): LabProcess {
  const files = ["--vty_socket", dir, "-i", join(dir, `${daemon}.pid`), "-z", join(dir, "zserv.api")];
  const log = ["-P", "0", "--log", `file:${logFile}`, "--log-level", "informational"];
  return startProcess({
    name: `${name}-${daemon}`,
    argv: [
      `/usr/lib/frr/${daemon}`,
      "-u",
      "frr",
      "-g",
      "frr",
      ...files,
      ...log,
      ...args.map((arg) => arg.replace("DIR", dir)),
    ],
    netns,
    runDir,
    logFile: join(dir, `${daemon}.out`),
  });
}

/** zebra first: the others register with it. */
const DAEMONS: readonly (readonly [string, ...string[]])[] = [
  ["zebra", "-s", "90000000"],
  ["bgpd"],
  ["bfdd", "--bfdctl", "DIR/bfdd.sock"],
];

/** Waits until a daemon answers on its vty socket; a daemon that never does is named in the error. */
async function answers(dir: string, daemon: string): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      await promisify(execFile)("vtysh", [
        "--config_dir",
        dir,
        "--vty_socket",
        dir,
        "-d",
        daemon,
        "-c",
        "show version",
      ]);
      return;
    } catch (error) {
      if (Date.now() > until) throw new Error(`${daemon} of the router in ${dir} does not answer`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/**
 * The top-of-rack router's configuration: every node may peer over IPv4 or IPv6, carry both families, and has BFD.
 *
 * Echo packets every 300 ms, not bfdd's 50: three lost ones end a session, and 150 ms without a turn are nothing on a busy small machine.
 */
export function torConfig(options: {
  readonly asn: number;
  readonly nodeASN: number;
  readonly neighbors: readonly string[];
}): string {
  const each = (line: (neighbor: string) => string): string => options.neighbors.map(line).join("\n");
  return `
frr defaults traditional
hostname tor
log timestamp precision 3
bfd
 profile lab
  receive-interval 300
  transmit-interval 300
  detect-multiplier 3
  echo-mode
  echo transmit-interval 300
  echo receive-interval 300
 exit
exit
router bgp ${options.asn}
 bgp router-id 10.0.0.1
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
${each((n) => ` neighbor ${n} remote-as ${options.nodeASN}\n neighbor ${n} passive\n neighbor ${n} bfd\n neighbor ${n} bfd profile lab`)}
 address-family ipv4 unicast
  maximum-paths 64
${each((n) => `  neighbor ${n} activate`)}
 exit-address-family
 address-family ipv6 unicast
  maximum-paths 64
${each((n) => `  neighbor ${n} activate`)}
 exit-address-family
exit
`;
}
