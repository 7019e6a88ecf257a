import { randomBytes } from "node:crypto";
import { refOf } from "../../../src/api/object.ts";
import type { ApiObject, LocalApi } from "../types.ts";
import type { Log } from "./loop.ts";
import { EVENTS, timestamp } from "./objects.ts";

/** Tells the user about an object (`kubectl get events`). Never fails: an event that can't be written is logged. */
export type Recorder = (about: ApiObject, type: "Normal" | "Warning", reason: string, message: string) => Promise<void>;

/** A recorder whose events come from `component`. */
export function eventRecorder({ api, log, component }: { api: LocalApi; log: Log; component: string }): Recorder {
  return async (about, type, reason, message) => {
    try {
      await api.create(EVENTS, eventOf({ about, type, reason, message, component }));
    } catch (error) {
      log.warn({ component, reason, error: String(error) }, "event not recorded");
    }
  };
}

function eventOf(event: { about: ApiObject; type: string; reason: string; message: string; component: string }) {
  const { about, type, reason, message, component } = event;
  const { namespace = "default", name } = about.metadata;
  const now = timestamp(Date.now());
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${randomBytes(8).toString("hex")}`, namespace },
    involvedObject: refOf(about),
    type,
    reason,
    message,
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
