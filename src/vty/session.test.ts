import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { VtySession } from "./session.ts";

/** A socket that answers every command with the command, as a daemon's framing has it, and keeps what it heard. */
async function withEcho(work: (session: VtySession, heard: string[]) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vty-"));
  const heard: string[] = [];
  const server = createServer((socket) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const commands = text.split("\0");
      text = commands.pop() ?? "";
      heard.push(...commands);
      for (const command of commands) socket.write(`${command}\0\0\0\0`);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, "x.vty"), resolve));
  const signal = new AbortController().signal;
  const session = await VtySession.open({ path: join(folder, "x.vty"), window: 4 }, signal);
  try {
    await work(session, heard);
  } finally {
    session.close();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test("replies come in the order of commands", () =>
  withEcho(async (session) => {
    const commands = Array.from({ length: 20 }, (_, i) => `command ${i}`);
    const replies = await session.send(commands, new AbortController().signal);
    expect(replies.map(({ output }) => output)).toEqual(commands);
  }));

test.each([
  ["longer than FRR's buffer", `set community ${"64512:100 ".repeat(500)}`],
  ["two lines in one", "no router bgp\nrouter bgp 1"],
])("a line that is %s is refused here, and those around it are sent", (_, line) =>
  withEcho(async (session, heard) => {
    const replies = await session.send(["before", line, "after"], new AbortController().signal);
    expect(replies.map(({ rc }) => rc)).toEqual([0, 2, 0]);
    expect(replies[1]?.output).toMatch(/FRR takes one line of at most 4000/);
    expect(heard).toEqual(["enable", "before", "after"]);
  }),
);
