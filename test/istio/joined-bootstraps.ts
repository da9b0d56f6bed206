// Exported bootstraps of many files in one, so that one Envoy serves them all.

export interface Bootstrap {
  static_resources: {
    listeners: { name: string; address: { socket_address: { port_value: number } } }[]
    clusters: { name: string; load_assignment: { endpoints: { lb_endpoints: Endpoint[] }[] } }[]
  }
}
interface Endpoint {
  endpoint: { address: { socket_address: { port_value: number } } }
}

/** One bootstrap: a listener for each case, and each backend once. */
export function joinedBootstraps(cases: readonly { readonly seed: number; readonly bootstrap: Bootstrap }[]): object {
  const clusters = new Map<number, object>()
  const listeners: object[] = []
  for (const { seed, bootstrap } of cases) {
    let text = JSON.stringify(bootstrap.static_resources.listeners[0])
    for (const cluster of bootstrap.static_resources.clusters) {
      const port = cluster.load_assignment.endpoints[0]?.lb_endpoints[0]?.endpoint.address.socket_address
        .port_value as number
      text = text.replaceAll(`"cluster":${JSON.stringify(cluster.name)}`, `"cluster":"${port}"`)
      clusters.set(port, {
        ...cluster,
        name: String(port),
        load_assignment: { ...cluster.load_assignment, cluster_name: String(port) },
      })
    }
    const listener = JSON.parse(text) as Bootstrap['static_resources']['listeners'][0]
    listener.name = String(seed)
    listener.address.socket_address.port_value = 0
    listeners.push(listener)
  }
  return { ...cases[0]?.bootstrap, static_resources: { listeners, clusters: [...clusters.values()] } }
}
