// What the primary and its workers say to each other over Node's channel between them, as structured clones. Trusted on both sides:
// both are this program. Holds nothing of a request but lines of the access log and a few decisions to show.

import type { Place, Problem } from '../config/problem.ts'
import type { Secrets } from '../edge-in-force.ts'
import type { LearnedVersions } from '../learned-versions.ts'
import type { HealthSign, ListenerInfo, ManifestOptions, OutEndpoint } from '../gateway.ts'
import type { Tally } from '../observe/metrics.ts'
import type { PlainTraffic } from '../observe/traffic-counter.ts'

/** A configuration as it was read: workers never look at the disk, where it may be another by now. */
export interface Content {
  /** Content of each file by its path as it was asked for. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Ports chosen for listeners with port 0, by listener name. */
  readonly ports: ReadonlyMap<string, number>
  /** How manifests are read, if that is what they are. */
  readonly manifests?: ManifestOptions | undefined
  /** Since when the primary knows its versions. */
  readonly learned: LearnedVersions
}

/** What the primary asks of a worker, each to be answered. A worker does one after the other, but tallies at once. */
export interface Questions {
  /** The first one: serve. */
  readonly start: {
    readonly configPath: string
    readonly content: Content
    readonly secrets: Secrets
    readonly out: readonly OutEndpoint[]
  }
  /** First step of a reload: do all that can fail. */
  readonly prepare: Content
  /** Second step. */
  readonly commit: undefined
  readonly tally: undefined
  /** Ends the process, behind the answer. */
  readonly drain: { readonly delayMs: number; readonly deadlineMs: number }
}

export interface Answers {
  readonly start: Started | Refused | { readonly error: StartError }
  readonly prepare: { readonly snapshot: string } | Refused
  readonly commit: readonly ListenerInfo[]
  readonly tally: Tally
  /** The last one. */
  readonly drain: Tally
}

interface Started {
  readonly listeners: readonly ListenerInfo[]
}

interface Refused {
  readonly problems: readonly Problem[]
}

/** An error of the system, as far as messages to people need it. */
export interface StartError {
  readonly message: string
  readonly code: string | undefined
  readonly port: number | undefined
  readonly address: string | undefined
  readonly path: string | undefined
  /** Of the part of the configuration that failed: what is wrong with it is said in the message. */
  readonly place?: Place | undefined
}

export type Topic = keyof Questions

export type ToWorker =
  | { readonly [T in Topic]: { readonly kind: T; readonly id: number; readonly body: Questions[T] } }[Topic]
  | { readonly kind: 'abandon' }
  | { readonly kind: 'health'; readonly out: readonly OutEndpoint[] }
  | { readonly kind: 'reopen-log' }

export type FromWorker =
  | { readonly kind: 'hello' }
  | { readonly kind: 'answer'; readonly id: number; readonly body: Answers[Topic] }
  | { readonly kind: 'sign'; readonly sign: HealthSign }
  | { readonly kind: 'log'; readonly text: string; readonly lines: number }
  /** Unasked, once a second: so nobody waits for one that is late. */
  | { readonly kind: 'traffic'; readonly traffic: PlainTraffic | undefined }
