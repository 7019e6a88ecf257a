import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplyReader, VtyFramingError } from "./reply.ts";

const reply = fc.record({
  rc: fc.nat(255),
  output: fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
});

test("any split of the bytes parses alike", () => {
  fc.assert(
    fc.property(fc.array(reply), fc.array(fc.nat(40)), (replies, sizes) => {
      const bytes = Buffer.concat(replies.map(({ rc, output }) => Buffer.from([...Buffer.from(output), 0, 0, 0, rc])));
      const reader = new ReplyReader();
      const parsed = [];
      let at = 0;
      for (const size of sizes) {
        parsed.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      parsed.push(...reader.push(bytes.subarray(at)));
      expect(parsed).toEqual(replies);
    }),
  );
});

test("a lone NUL in text is no reply", () => {
  expect(() => new ReplyReader().push(Buffer.from("a\0b\0\0"))).toThrow(VtyFramingError);
});
