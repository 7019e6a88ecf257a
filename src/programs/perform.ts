import { type KubeObject, type ObjectRef, refOf } from "../api/object.ts";
import { isConflict, isNotFound } from "../kube/api-error.ts";
import type { Cache } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Resource } from "../kube/resource.ts";
import type { Work } from "../runtime/keyed-work.ts";
import type { Write } from "../status/write.ts";

/** Where writes of one kind go, and who learns of their answers. */
export interface Target {
  readonly resource: Resource;
  readonly learn: (object: KubeObject) => void;
}

export const targetOf = <T extends KubeObject>(resource: Resource<T>, cache: Cache<T>): Target => ({
  resource,
  learn: (object) => cache.learn(object as T),
});

/** Turns writes into work: one piece for each, under a key that names the object, made when it is asked for. */
export class Performer {
  readonly #client: KubeClient;
  readonly #targets: ReadonlyMap<string, Target>;

  readonly #guard: () => void;

  /** `guard` is asked before each write, and throws if there must be none. */
  constructor(client: KubeClient, targets: readonly Target[], guard: () => void = () => {}) {
    this.#client = client;
    this.#guard = guard;
    this.#targets = new Map(targets.map((target) => [target.resource.kind, target]));
  }

  *work(writes: Iterable<Write>): Generator<readonly [key: string, work: Work], void> {
    for (const write of writes) yield [keyOfWrite(write), (signal) => this.#perform(write, signal)];
  }

  async #perform(write: Write, signal: AbortSignal): Promise<void> {
    this.#guard();
    switch (write.kind) {
      case "create":
        return this.#create(write.object, write.status, signal);
      case "patch":
        return this.#patch(write.object, { kind: "merge", body: write.body }, signal);
      case "patch-status":
        return this.#patch(write.object, { kind: "merge", body: write.body, subresource: "status" }, signal);
      case "delete":
        return this.#client.delete(this.#target(write.object).resource, write.object, signal);
    }
  }

  async #create(object: KubeObject, status: object | undefined, signal: AbortSignal): Promise<void> {
    const { resource, learn } = this.#target(object);
    try {
      const created = await this.#client.create(resource, object, signal);
      // Learned once, with its status, lest the next turn should write the status a second time.
      if (status === undefined) learn(created);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    if (status !== undefined) {
      await this.#patch(refOf(object), { kind: "merge", body: { status }, subresource: "status" }, signal);
    }
  }

  /** An object that is gone needs no patch; the watch will tell. */
  async #patch(object: ObjectRef, patch: Parameters<KubeClient["patch"]>[2], signal: AbortSignal): Promise<void> {
    const { resource, learn } = this.#target(object);
    try {
      learn(await this.#client.patch(resource, object, patch, signal));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #target({ kind }: { readonly kind: string }): Target {
    const target = this.#targets.get(kind);
    if (!target) throw new Error(`bug: nobody writes ${kind}`);
    return target;
  }
}

function keyOfWrite(write: Write): string {
  const { kind, name, namespace, uid } = write.kind === "create" ? refOf(write.object) : write.object;
  // Of two objects of one name, one after the other, the second must not wait for what was done to the first.
  return `${write.kind} ${kind} ${namespace ?? ""}/${name} ${uid ?? ""}`;
}
