import { expect, test } from "vitest";
import type { IpAddressPool } from "../api/kinds/index.ts";
import { poolWrites } from "./pool-status.ts";

const object = (status?: IpAddressPool["status"]): IpAddressPool => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "IPAddressPool",
  metadata: { name: "first", namespace: "metallb-system" },
  spec: { addresses: ["10.0.0.0/30", "fd00::/64"] },
  ...(status && { status }),
});
const usage = { pool: "first", total: { ipv4: 4n, ipv6: 1n << 64n }, assigned: { ipv4: 3n, ipv6: 1n } };
const status = { assignedIPv4: 3, assignedIPv6: 1, availableIPv4: 1, availableIPv6: Number.MAX_SAFE_INTEGER };

test("counters are written when they differ, and only then", () => {
  expect(poolWrites([object()], [usage])).toMatchObject([{ kind: "patch-status", body: { status } }]);
  expect(poolWrites([object(status)], [usage])).toEqual([]);
});

test("a pool that is not in force keeps what it says", () => {
  expect(poolWrites([object()], [])).toEqual([]);
});
