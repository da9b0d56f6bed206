// What a gateway has in common with those that serve the same ports beside it. Types alone.

import type { Loaded } from './config/load.ts'
import type { Secrets } from './edge-in-force.ts'
import type { LearnedVersions } from './learned-versions.ts'
import type { LogSink } from './observe/log-sink.ts'
import type { PlainTraffic } from './observe/traffic-counter.ts'
import type { Endpoints } from './proxy/endpoints.ts'

/** Given to each worker by the process that started it. */
export interface WorkerContext extends ConfigurationSource {
  readonly secrets: Secrets
  /** Their health is decided elsewhere: nothing is probed here. */
  readonly endpoints: Endpoints
  /** Takes an access log that goes to standard output; undefined to write there. */
  readonly standardOutput: LogSink | undefined
  /** Takes what was counted in a second. */
  readonly onTraffic: (traffic: PlainTraffic | undefined) => void
}

/** A configuration that is not read from disk. */
export interface ConfigurationSource {
  readonly load: (path: string) => Promise<Loaded>
  /** Since when its versions are known. */
  readonly learned: LearnedVersions
  /** Ports chosen for listeners with port 0, by listener name. */
  readonly ports: ReadonlyMap<string, number>
}
