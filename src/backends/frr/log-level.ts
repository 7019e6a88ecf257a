import type { DaemonName } from "../../frr/tree.ts";
import type { LogLevel } from "../../runtime/log.ts";
import { err, ok, type Result } from "../../std/result.ts";

/** FRR's own words, lib/log.c. */
const frrLevels = [
  "emergencies",
  "alerts",
  "critical",
  "errors",
  "warnings",
  "notifications",
  "informational",
  "debugging",
] as const;
export type FrrLogLevel = (typeof frrLevels)[number];

/** MetalLB internal/bgp/frr/config.go, logLevelToFRR. */
const levelOf: Readonly<Record<LogLevel, FrrLogLevel>> = {
  all: "debugging",
  debug: "debugging",
  info: "informational",
  warn: "warnings",
  error: "errors",
  none: "emergencies",
};

/** What FRR logs when we log that; `override` is MetalLB's FRR_LOGGING_LEVEL, which may be cut short as in vtysh ("error"). */
export function frrLogLevel(level: LogLevel, override: string | undefined): Result<FrrLogLevel> {
  if (!override) return ok(levelOf[level]);
  const found = frrLevels.filter((word) => word.startsWith(override));
  return found[0] !== undefined && found.length === 1
    ? ok(found[0])
    : err(`FRR_LOGGING_LEVEL: ${JSON.stringify(override)} is not one of ${frrLevels.join(", ")}`);
}

/** What each daemon has to tell at level debugging. MetalLB internal/bgp/frr/templates/frr.tmpl. */
const debugs: Readonly<Record<DaemonName, readonly string[]>> = {
  zebra: ["zebra events", "zebra nht", "zebra kernel", "zebra rib", "zebra nexthop"],
  bgpd: ["bgp neighbor-events", "bgp updates", "bgp keepalives", "bgp nht", "bgp zebra"],
  bfdd: ["bfd network", "bfd peer", "bfd zebra"],
};

/** The commands that make a daemon's log, the container's, as verbose as that. */
export const logLines = (daemon: DaemonName, level: FrrLogLevel): readonly string[] => [
  `log stdout ${level}`,
  "log timestamp precision 3",
  ...(level === "debugging" ? debugs[daemon].map((what) => `debug ${what}`) : []),
];
