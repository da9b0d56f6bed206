// Who sends a request, as far as we believe it. Found out in handle-request.ts.

import type { Address } from '../rules/types.ts'
import type { FieldLine } from './field-line.ts'

export interface Client {
  /** At the other end of the connection. */
  readonly peer: Address
  /** The peer is one of `trust`: what it says of the request is believed. */
  readonly trusted: boolean
  readonly address: Address
  readonly scheme: 'http' | 'https'
  /** X-Forwarded-For as it is sent when the peer is the first to be named there. */
  readonly forwardedFor: FieldLine
}
