import { expect, test } from "vitest";
import { configMap, inMemory } from "./in-memory.ts";
import { type ListOptions, listPage, type Page } from "./read.ts";

const id = { group: "", resource: "configmaps" };
const base: ListOptions = {
  labelSelector: undefined,
  fieldSelector: undefined,
  limit: 0,
  continueToken: undefined,
  resourceVersion: undefined,
  resourceVersionMatch: undefined,
};

const names = (page: Page): string[] => page.objects.map((object) => object.metadata.name);

async function filled(history?: { count: number; ageMs: number }) {
  const cluster = await inMemory(history ? { history } : {});
  for (const name of ["a", "b", "c", "d", "e"]) {
    await cluster.api.create(id, configMap(name, {}, { odd: String("ace".includes(name)) }));
  }
  const page = (options: Partial<ListOptions>) =>
    listPage(cluster.store, cluster.target("", "configmaps"), { ...base, ...options });
  return { ...cluster, page };
}

test("all pages of a list show the same revision, whatever happens meanwhile", async () => {
  const { api, page } = await filled();
  const first = await page({ limit: 2 });
  expect(names(first)).toEqual(["a", "b"]);
  expect(first.metadata.remainingItemCount).toBe(3);
  await api.delete(id, "default", "d");
  await api.create(id, configMap("bb", {}));
  const second = await page({ limit: 2, continueToken: first.metadata.continue });
  expect(names(second)).toEqual(["c", "d"]);
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  const third = await page({ limit: 2, continueToken: second.metadata.continue });
  expect(names(third)).toEqual(["e"]);
  expect(third.metadata.continue).toBeUndefined();
});

test("a page whose revision is forgotten is refused with 410", async () => {
  const { api, page } = await filled({ count: 3, ageMs: -1 });
  const first = await page({ limit: 2 });
  for (let turn = 0; turn < 10; turn++) await api.patch(id, "default", "a", { data: { turn: String(turn) } });
  const second = page({ limit: 2, continueToken: first.metadata.continue });
  await expect(second).rejects.toMatchObject({ code: 410, reason: "Expired" });
});

test.each([
  ["odd=true", ["a", "c", "e"]],
  ["odd!=true", ["b", "d"]],
  ["odd in (true,false)", ["a", "b", "c", "d", "e"]],
  ["odd notin (true)", ["b", "d"]],
  ["odd,odd==false", ["b", "d"]],
  ["!odd", []],
])("the label selector %s", async (labelSelector, expected) => {
  const { page } = await filled();
  expect(names(await page({ labelSelector }))).toEqual(expected);
});

test("field selectors know their labels, and refuse others with 400", async () => {
  const { page } = await filled();
  expect(names(await page({ fieldSelector: "metadata.name=c" }))).toEqual(["c"]);
  expect(names(await page({ fieldSelector: "metadata.name!=c,metadata.namespace=default" }))).toEqual([
    "a",
    "b",
    "d",
    "e",
  ]);
  await expect(page({ fieldSelector: "spec.colour=red" })).rejects.toMatchObject({ code: 400 });
  await expect(page({ labelSelector: "a=(b" })).rejects.toMatchObject({ code: 400 });
});
