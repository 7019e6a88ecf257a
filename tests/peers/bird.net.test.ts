import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { eventually } from "../network/network.ts";
import { bfdProfile } from "../objects.ts";
import { Bird } from "./bird.ts";
import { otherRouterCases } from "./cases.ts";

let bird: Bird;
const world = otherRouterCases("bird-", async (network) => (bird = await Bird.start(network)));

test("BFD is up on both ends, and a wire that falls silent takes the routes away in a second", async () => {
  const { network, announcing, snapshot } = world();
  const watched = {
    ...snapshot,
    bfdProfiles: [bfdProfile("fast", { receiveInterval: 300, transmitInterval: 300, detectMultiplier: 3 })],
    peers: snapshot.peers.flatMap((peer) =>
      peer.spec ? [{ ...peer, spec: { ...peer.spec, bfdProfile: "fast" } }] : [],
    ),
  };
  await announcing.apply(watched);
  await eventually("both sides say that BFD is up", async () => {
    const { sessions } = await announcing.backend.observe(AbortSignal.timeout(60_000));
    const shown = await bird.ask("show bfd sessions");
    return sessions.every(({ bfd }) => bfd === "up") && shown.split(" Up ").length === 3;
  });
  const nft = (text: string) => execFileSync("ip", ["netns", "exec", network.netns("node"), "nft", text]);
  nft("add table inet silence { chain out { type filter hook output priority 0; policy drop; }; }");
  const ms = await eventually("BIRD has no route", async () => (await bird.received("external")).size === 0);
  console.log(`BFD 300 ms × 3, silent loss: routes gone at BIRD after ${ms.toFixed(0)} ms`);
  // By detection, not by the hold time.
  expect(ms).toBeLessThan(10_000);
  nft("delete table inet silence");
  await eventually("all is back", async () => (await bird.received("external")).size > 0);
});
