/** Resolves at the first SIGINT, SIGTERM or SIGHUP; from then on further ones are ignored, so that cleaning up is not cut short. */
export function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => resolve(name));
  });
}
