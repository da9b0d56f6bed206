// What the command line adds to manifests: ports, addresses, and who calls from inside. Plain data: it is handed to worker processes.

import type { MeshSpec } from '../rules/mesh-types.ts'

export interface ManifestOptions {
  /** `--port 80=8080`: the Gateway server's port to the one that is bound; 0 for any free one. */
  readonly ports?: ReadonlyMap<number, number> | undefined
  /** `--resolve ADDRESS:PORT=ADDRESS:PORT`: where requests for an endpoint go instead. Keys and values as `host:port`. */
  readonly resolve?: ReadonlyMap<string, string> | undefined
  readonly internal?: readonly InternalPort[] | undefined
  /** Address that listeners of the gateway bind where their Gateway names none; default: all. */
  readonly address?: string | undefined
  /** A piece of MeshConfig, over what the manifests say. */
  readonly meshConfig?: unknown
  /** `stdout` (default), `off`, or a path. */
  readonly accessLog?: string | undefined
  readonly repeatedHeaders?: MeshSpec['repeatedHeaders'] | undefined
}

/** `--internal PORT=SERVICEPORT,namespace=NAMESPACE,label=value,...`: a port that stands for the sidecar of a workload. */
export interface InternalPort {
  /** The port to bind, on loopback; 0 for any free one. */
  readonly port: number
  readonly servicePort: number
  readonly namespace: string
  readonly labels: ReadonlyMap<string, string>
}
