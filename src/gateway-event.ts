// What a gateway tells beside its access log, as a program reads it: `log` gets it with the line that says the same to people, and
// `serve --json` writes it. Names and keys are a contract: docs/operations.md lists them.

import type { Problem } from './config/problem.ts'
import type { UpstreamNotTrusted } from './proxy/tls/upstream-trust.ts'

export type GatewayEvent =
  /** `problems` are warnings then. */
  | { readonly event: 'reload-applied'; readonly snapshot: string; readonly problems: readonly Problem[] }
  /** A refused file that says again what is in force. */
  | { readonly event: 'reload-mended'; readonly snapshot: string }
  /** `snapshot` is the one that stays in force. */
  | { readonly event: 'reload-refused'; readonly snapshot: string; readonly problems: readonly Problem[] }
  | {
      readonly event: 'worker-ended'
      readonly pid: number
      readonly how: string
      readonly restartInSeconds: number
    }
  | { readonly event: 'worker-serves'; readonly pid: number }
  | { readonly event: 'worker-failed'; readonly reason: string }
  /** After a rotation; the old file is written on. */
  | { readonly event: 'log-not-reopened'; readonly reason: string }
  | UpstreamNotTrusted

/** A line for people. One without an event says more of the event before it. */
export type Log = (line: string, event?: GatewayEvent) => void

/** Says why the access log was not opened anew, if it was not. */
export function tellNotReopened(log: Log | undefined, error: Error | undefined): void {
  if (error === undefined) return
  const reason = error.message
  log?.(`the access log cannot be opened anew, the old file is written on: ${reason}`, {
    event: 'log-not-reopened',
    reason,
  })
}
