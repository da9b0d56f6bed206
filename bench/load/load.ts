// One interface before both load generators: wrk where it is installed, else autocannon in a process of its own. Neither ever runs
// inside the process that measures.

export interface Load {
  readonly port: number
  /** Over TLS. */
  readonly secure?: boolean
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly bodyBytes: number
  readonly newConnections: boolean
  /** One more field, X-Request-Id, whose value differs from request to request; its length is the same. */
  readonly numbered?: boolean
  /** Kept open all the while. */
  readonly connections: number
  /** Whole seconds. */
  readonly seconds: number
}

export interface LoadResult {
  /** Answered in all, and of those with another status than 2xx or 3xx, or that broke. */
  readonly requests: number
  readonly failed: number
  readonly requestsPerSecond: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
}

export interface LoadGenerator {
  readonly name: string
  readonly install: string
  /** Undefined: it is not installed. */
  version(): Promise<string | undefined>
  run(load: Load): Promise<LoadResult>
}

/** Values that come in turn: so many that a connection hardly ever gets the same one twice in a row. */
export const requestIds: readonly string[] = Array.from({ length: 997 }, (_, i) => {
  return `5f0c1d2e-${String(i).padStart(4, '0')}-4b5c-8d6e-7f8091a2b3c4`
})
