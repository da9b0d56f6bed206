// What `serve` says beside the access log, on standard error: lines for people, or the same as JSON lines for programs.

import type { Problem } from '../config/problem.ts'
import type { GatewayEvent } from '../gateway-event.ts'

export type ServeEvent =
  | GatewayEvent
  /** Of the first configuration: what is wrong with it and does not keep it from being used. */
  | ({ readonly event: 'problem' } & Problem)
  | { readonly event: 'configuration'; readonly snapshot: string; readonly path: string }
  | {
      readonly event: 'listening'
      readonly role: 'edge' | 'internal' | 'probe' | 'admin'
      readonly url: string
    }
  | { readonly event: 'draining'; readonly signal: 'SIGTERM' | 'SIGINT'; readonly delaySeconds: number }
  | { readonly event: 'ended' }
  | { readonly event: 'not-started'; readonly reason: string; readonly problems: readonly Problem[] }

/** A line without an event says more of the one before it, which people read line by line. */
export type Tell = (line: string, event?: ServeEvent) => void

export const tellAsText: Tell = (line) => void process.stderr.write(`graylane: ${line}\n`)

/** `time` is ISO 8601 in UTC, as in the access log. */
export const tellAsLines: Tell = (_line, event) => {
  if (event !== undefined) process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`)
}
