// WebSockets and streams that are open: how many of each version, and their end when a configuration comes into force in which their
// version draws nobody any more (`onSwitch` of their service). What came after that switch stays.

import type { Release } from '../rules/release.ts'

export interface LongConnection {
  readonly release: Release
  readonly service: string
  readonly version: string
  readonly kind: LongKind
  /** Milliseconds after a switch within which it ends; undefined: it is kept. */
  readonly closeWithinMs: number | undefined
  /** Ends it where the client takes no harm. */
  readonly end: () => void
}

export type LongKind = 'websocket' | 'stream'

export class LongConnections {
  readonly #open = new Set<LongConnection>()
  readonly #ending = new WeakSet<LongConnection>()
  readonly #random: () => number
  #inForce: readonly Release[] = []

  /** @param random 0 to 1, 1 excluded: spreads the ends, so that clients do not come back all at once */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  add(connection: LongConnection): void {
    this.#open.add(connection)
  }

  remove(connection: LongConnection): void {
    this.#open.delete(connection)
  }

  /** These releases are in force from now on. */
  switched(releases: readonly Release[]): void {
    this.#inForce = releases
    for (const connection of this.#open) {
      const { closeWithinMs } = connection
      if (closeWithinMs === undefined || this.#ending.has(connection) || stays(connection, releases)) continue
      this.#ending.add(connection)
      setTimeout(() => this.#end(connection), Math.floor(this.#random() * closeWithinMs)).unref()
    }
  }

  /** Unless the switch was taken back meanwhile. */
  #end(connection: LongConnection): void {
    if (stays(connection, this.#inForce)) this.#ending.delete(connection)
    else connection.end()
  }

  /** Open ones by service, version and kind, as the metrics want them. */
  counts(): readonly { readonly values: readonly [string, string, string]; readonly count: number }[] {
    const counts = new Map<string, { readonly values: readonly [string, string, string]; count: number }>()
    for (const { service, version, kind } of this.#open) {
      const key = `${service}\0${version}\0${kind}`
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { values: [service, version, kind], count: 1 })
      else known.count += 1
    }
    return [...counts.values()]
  }
}

/** Whether pages that were loaded before may still be of that version, under the promise that was given with it. */
function stays({ release, version }: LongConnection, releases: readonly Release[]): boolean {
  const now = releases.find(({ name }) => name === release.name)?.spec
  if (now === undefined || !now.versions.has(version) || now.pin.epoch > release.spec.pin.epoch) return false
  // What drained already when this one was opened was no switch for it.
  return !now.draining.has(version) || release.spec.draining.has(version)
}

/** What kind of place a stream of this type may end at; undefined for what is no stream of messages. */
export function streamPlaces(contentType: string | undefined): 'events' | 'lines' | undefined {
  if (contentType === undefined) return undefined
  if (contentType.startsWith('text/event-stream')) return 'events'
  return lineStreams.some((type) => contentType.startsWith(type)) ? 'lines' : undefined
}

const lineStreams = ['application/x-ndjson', 'application/jsonl', 'application/stream+json', 'application/json-seq']
