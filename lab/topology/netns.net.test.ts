import { execFileSync } from "node:child_process";
import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectIn, inNetns, listenIn } from "./netns.ts";

const NAME = "mlb-netns-test";

beforeAll(() => {
  execFileSync("ip", ["netns", "add", NAME]);
  execFileSync("ip", ["-n", NAME, "link", "set", "lo", "up"]);
});
afterAll(() => {
  execFileSync("ip", ["netns", "del", NAME]);
});

test.each(["127.0.0.1", "::1"])(
  "a server and a client meet on %s inside a namespace, and not outside",
  async (host) => {
    const server = net.createServer((socket) => socket.end("inside"));
    await listenIn(NAME, server, host, 5001);
    const socket = connectIn(NAME, host, 5001);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe("inside");

    const outside = net.connect({ host, port: 5001 });
    await expect(
      new Promise((resolve, reject) => outside.once("connect", resolve).once("error", reject)),
    ).rejects.toThrow("ECONNREFUSED");
    await new Promise((resolve) => server.close(resolve));
  },
);

test("a process spawned inside stays inside, and this thread comes back", () => {
  const links = inNetns(NAME, () => execFileSync("ip", ["-o", "link"]).toString());
  expect(links.trim().split("\n")).toHaveLength(1);
  expect(execFileSync("readlink", ["/proc/self/ns/net"]).toString()).not.toBe(
    inNetns(NAME, () => execFileSync("readlink", ["/proc/self/ns/net"]).toString()),
  );
});
