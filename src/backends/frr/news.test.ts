import { beforeEach, expect, test } from "vitest";
import { parseRunning } from "../../frr/parse.ts";
import { News } from "./news.ts";

let news: News;
beforeEach(() => {
  news = new News();
});

const bgpd = (...lines: readonly string[]) =>
  parseRunning("bgpd", ["router bgp 64513", ...lines.map((line) => ` ${line}`)].join("\n"));

test("connections that end together are one loss, and the daemon is back once", () => {
  news.answers("bgpd");
  news.lost("bgpd");
  news.lost("bgpd");
  news.lost("zebra");
  news.answers("bgpd");
  news.answers("bgpd");
  expect(news.take()).toEqual([
    { kind: "lost", daemon: "bgpd" },
    { kind: "lost", daemon: "zebra" },
    { kind: "back", daemon: "bgpd" },
  ]);
  expect(news.take()).toEqual([]);
});

test("drift is news once it is set right, and its lines have no secret", () => {
  const believed = bgpd("neighbor 10.0.0.1 remote-as 64512", "neighbor 10.0.0.1 password ours");
  const found = bgpd(
    "neighbor 10.0.0.1 remote-as 64512",
    "neighbor 10.0.0.1 password theirs",
    "neighbor 10.0.0.1 shutdown",
    "address-family ipv4 unicast",
    " network 10.99.0.0/24",
  );
  news.drifted("bgpd", found, believed);
  expect([news.isDrifting, news.take()]).toEqual([true, []]);
  news.settled("bgpd");
  news.settled("bgpd");
  const [drift, ...others] = news.take();
  expect(others).toEqual([]);
  expect(drift).toMatchObject({ kind: "drift", daemon: "bgpd" });
  const text = JSON.stringify(drift);
  expect(text).toContain("router bgp 64513: no neighbor 10.0.0.1 shutdown");
  expect(text).toContain("no network 10.99.0.0/24");
  expect(text).toContain("neighbor 10.0.0.1 password ****");
  expect(text).not.toMatch(/ours|theirs/);
  expect(news.isDrifting).toBe(false);
});

test("what is not set right, or is lost with its daemon, is no news of repair", () => {
  for (const end of [() => news.unsettled("bgpd"), () => news.lost("bgpd")]) {
    news.drifted("bgpd", bgpd("neighbor 10.0.0.1 shutdown"), bgpd());
    end();
    news.settled("bgpd");
  }
  expect(news.take()).toEqual([{ kind: "lost", daemon: "bgpd" }]);
});

test("news that nobody asks for does not pile up", () => {
  for (let i = 0; i < 1_000; i++) {
    news.lost("bgpd");
    news.answers("bgpd");
  }
  expect(news.take().length).toBe(256);
});
