import { get } from "node:http";
import { request } from "node:https";

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** What a health endpoint says; `undefined` when nobody listens. */
export const probe = (port: number, path: string): Promise<Answer | undefined> =>
  new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    }).on("error", () => resolve(undefined));
  });

/** A program's metrics, as whoever bears `token` gets them. */
export const metricsOf = (port: number, token: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const options = { host: "127.0.0.1", port, path: "/metrics", headers, rejectUnauthorized: false, agent: false };
    request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    })
      .on("error", reject)
      .end();
  });
