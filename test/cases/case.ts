// What a row of the case table may say, and the few words that rows share. Rows are data: one request, and what has to come of it.

import { draw } from '../../src/rules/share.ts'
import type { Reason } from '../../src/rules/types.ts'

/** Seconds since 1970 at every gateway of the table. */
export const now = 1_800_000_000

/** Rows under one configuration. */
export interface CaseGroup {
  /** Step of docs/affinity.md, and what is special about this configuration. */
  readonly title: string
  /**
   * routes.yaml. `<frontend v2>` stands for the URL of a backend that answers as that service and version, `<frontend v2 @127.0.1.2>`
   * for one at that address, `<frontend v2 down>` for one that refuses connections until a row starts it. pin.key, old.key and
   * users.txt lie beside it. More releases follow behind `---`.
   */
  readonly config: string
  readonly cases: readonly Case[]
}

export interface Case {
  /** A sentence. */
  readonly says: string
  /** The listener, by its place in the file; default the first. */
  readonly to?: number
  /** Loopback address of the client; default 127.0.0.1. */
  readonly from?: string
  readonly method?: string
  readonly path?: string
  readonly host?: string
  /** Field lines as they are sent. */
  readonly headers?: readonly string[]
  /** Pairs that go into the Cookie field ahead of the pins. */
  readonly cookies?: readonly string[]
  readonly pins?: readonly PinCookie[]
  readonly body?: string
  /** Milliseconds to let pass first. */
  readonly afterMs?: number
  /** A backend that was down starts first. */
  readonly starts?: string
  /** Sent again until it comes out as said, for ten seconds at most. */
  readonly eventually?: boolean
  readonly expect: Expectation
}

/** A pin as a browser brings it: minted by the gateway's own codec with the gateway's key, unless said otherwise. */
export interface PinCookie {
  readonly pin: string
  /** Default 1. */
  readonly epoch?: number
  /** `90s`, `59m`, `9h`, `400d`; default 1m. */
  readonly age?: string
  /** Newest first; default the version alone. */
  readonly history?: readonly string[]
  readonly seed?: string
  readonly release?: string
  /** old: an older key of the ring. unknown: a key this gateway never had. */
  readonly key?: 'old' | 'unknown'
  /** A change made to the finished value. */
  readonly forge?: (value: string) => string
  /** Cookie name; default graylane. */
  readonly name?: string
}

/** The pin in Set-Cookie; what is not named may be anything. */
export interface WrittenPin {
  readonly version: string
  readonly epoch?: number
  readonly history?: readonly string[]
  readonly seed?: string
}

/** What is not named may be anything. */
export interface Expectation {
  /** Default 200. */
  readonly status?: number
  /** The version decided: x-version of the answer and in what the backend saw, and the record. */
  readonly version?: string
  /** Which backend answered, `service version`; default any service of the version. null: none did. */
  readonly by?: string | null
  readonly reason?: Reason | ''
  /** Label of the rule; '' for none. */
  readonly rule?: string
  readonly document?: boolean
  readonly pinIn?: 'none' | 'held' | 'stale' | 'forged' | 'two'
  /** kept: a pin that holds and no Set-Cookie. none: neither. Else what is written. */
  readonly pin?: 'kept' | 'none' | WrittenPin
  /** The Set-Cookie line of the pin, its value written as VALUE. */
  readonly setCookie?: string
  /** The client's address as the gateway sees it. */
  readonly client?: string
  /** Fields that the backend saw, names in lower case, several lines joined by `, `; null for none. */
  readonly upstream?: Readonly<Record<string, string | null>>
  /** Fields of the answer, likewise. */
  readonly answer?: Readonly<Record<string, string | null>>
  /** Request target that the backend saw. */
  readonly url?: string
  /** Endpoints tried. */
  readonly attempts?: number
  /** EDGE_* code. */
  readonly code?: string
  /** Each is part of the body. */
  readonly body?: readonly string[]
}

const html = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

/** A page load over plain http, as Chromium sends it. */
export const page: readonly string[] = [html, 'Upgrade-Insecure-Requests: 1']

/** fetch or XHR over plain http. */
export const api: readonly string[] = ['Accept: */*']

/** What Chromium adds on https and localhost. */
export function fetchMetadata(mode: string, dest: string, site = 'same-origin'): readonly string[] {
  return [`Sec-Fetch-Mode: ${mode}`, `Sec-Fetch-Dest: ${dest}`, `Sec-Fetch-Site: ${site}`]
}

/** A page load on https or localhost. */
export const securePage: readonly string[] = [...page, ...fetchMetadata('navigate', 'document', 'none')]

/** fetch or XHR on https or localhost. */
export const secureApi: readonly string[] = [...api, ...fetchMetadata('cors', 'empty')]

/** A seed whose draws satisfy the test; draws are 0 to 9999, by version. */
export function seedWhere(test: (drawOf: (version: string) => number) => boolean, release = 'shop'): string {
  for (let i = 0; ; i += 1) {
    const seed = `seed-${i}`
    if (test((version) => draw(release, version, seed))) return seed
  }
}
