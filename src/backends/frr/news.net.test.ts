import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { eventually } from "./testing/namespaces.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DaemonNews } from "../../announce/news.ts";
import { plan } from "../../frr/plan.ts";
import { desiredOf, pathOf, peerOf, routerOf } from "../../frr/testing/desired.ts";
import { createFrrBackend, type FrrBackend } from "./backend.ts";
import { generations } from "./testing/generations.ts";
import { Rig } from "./testing/rig.ts";

/** What happens to FRR's daemons, told by real ones. */

/** Each test has its own limit; all of them together have none. */
const patience = new AbortController().signal;
const peer = peerOf("10.0.0.1", { connectTimeSeconds: 1, password: "ours" });
const desired = desiredOf([routerOf([{ peer, paths: [pathOf("10.100.0.1/32")] }])]);

describe.each(generations)("FRR $release", (generation) => {
  const over = new AbortController();
  const told: DaemonNews[] = [];
  let rig: Rig;
  let backend: FrrBackend;
  let loop: Promise<void>;

  beforeAll(async () => {
    rig = await Rig.start(generation);
    const neighbor = ["remote-as external", "passive", "password ours"].map((line) => `neighbor 10.0.0.2 ${line}`);
    await rig.vty("router", "bgpd", "configure terminal", "router bgp 64512", ...neighbor, "end");
    backend = createFrrBackend({ socketDir: rig.socketDir("node"), logLevel: "debugging" });
    loop = keep();
    await eventually("the session is up", isUp);
  });
  afterAll(async () => {
    over.abort();
    await loop;
    await backend?.close();
    await rig?.[Symbol.asyncDispose]();
  });

  /** As the speaker's loop does: a turn at each sign of change, and no other. */
  async function keep(): Promise<void> {
    for await (const _ of backend.changes(over.signal)) {
      // A daemon that is away rings when it is back.
      await backend.apply(desired, patience).catch(() => {});
      told.push(...backend.takeNews());
    }
  }
  const isUp = async (): Promise<boolean> => (await backend.observe(patience)).sessions[0]?.state === "Established";
  const kinds = (kind: DaemonNews["kind"]) => told.filter((item) => item.kind === kind);

  test("a change that ends the session is found at once, set right, and told without its secret", async () => {
    told.length = 0;
    const typed = [
      "neighbor 10.0.0.1 password theirs",
      "neighbor 10.0.0.1 shutdown",
      "neighbor 10.0.0.1 description x",
    ];
    await rig.vty("node", "bgpd", "configure terminal", "router bgp 64513", ...typed, "end");
    await eventually("the session is up again", async () => kinds("drift").length > 0 && (await isUp()));
    await eventually("all is as decided", async () => plan(desired, await rig.running()).steps.length === 0);
    const text = JSON.stringify(kinds("drift"));
    expect(text).toContain("router bgp 64513: no neighbor 10.0.0.1 shutdown");
    expect(text).not.toMatch(/ours|theirs/);
  });

  test.each([
    ["zebra", "debug zebra rib"],
    ["bgpd", "debug bgp updates in"],
    ["bfdd", "debug bfd network"],
  ] as const)(
    "%s logs what MetalLB has it log at that level, and nothing is set right for it",
    async (daemon, line) => {
      const running = await rig.vty("node", daemon, "enable", "show running-config");
      expect(running).toMatch(new RegExp(`^${line}`, "m"));
      expect(running).toMatch(/^log stdout( debugging)?$/m);
      expect(
        kinds("drift")
          .flatMap((item) => ("lines" in item ? item.lines : []))
          .join(),
      ).not.toMatch(/debug|log /);
    },
  );

  test.each(["bfdd", "bgpd"] as const)("%s is lost once, and back once", async (daemon) => {
    told.length = 0;
    await rig.kill("node", daemon);
    await eventually("the loss is told", () => kinds("lost").length > 0);
    rig.startDaemon("node", daemon);
    await eventually("the return is told", () => kinds("back").length > 0);
    await eventually("the session is up", isUp);
    expect(told).toEqual([
      { kind: "lost", daemon },
      { kind: "back", daemon },
    ]);
  });

  test("a daemon is heard again though the events' socket was swept away with its own, as by another start script", async () => {
    told.length = 0;
    await rig.kill("node", "bgpd");
    rmSync(join(rig.socketDir("node"), "metallb-events.sock"));
    rig.startDaemon("node", "bgpd");
    await eventually("the session is up", async () => kinds("back").length > 0 && (await isUp()));
    // Nothing but what the daemon tells wakes the loop now.
    await wait(1_500);
    await rig.vty("node", "bgpd", "configure terminal", "router bgp 64513", "neighbor 10.0.0.1 shutdown", "end");
    await eventually("the session's end is heard", () => kinds("drift").length > 0);
    await eventually("the session is up again", isUp);
  });
});
