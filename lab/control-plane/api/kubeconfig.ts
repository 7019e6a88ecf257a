/** A kubeconfig for one cluster and one token, as YAML (JSON is YAML). */
export const kubeconfigText = (options: { server: string; caPem: string; token: string; name: string }): string =>
  `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: options.name,
          cluster: {
            server: options.server,
            "certificate-authority-data": Buffer.from(options.caPem).toString("base64"),
          },
        },
      ],
      users: [{ name: "admin", user: { token: options.token } }],
      contexts: [{ name: options.name, context: { cluster: options.name, user: "admin", namespace: "default" } }],
      "current-context": options.name,
    },
    null,
    2,
  )}\n`;
