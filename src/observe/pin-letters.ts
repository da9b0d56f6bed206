// What became of a pin, in two letters, as HAProxy's log has the state of its cookie: what came, and what we did.

import type { PinState } from '../rules/types.ts'
import type { PinOut } from './record.ts'

const came: Record<PinState, string> = { none: 'N', held: 'H', stale: 'S', forged: 'F', two: 'T' }
const done: Record<PinOut, string> = { kept: 'K', set: 'S', none: 'N' }

export function pinLetters(pinIn: PinState, pinOut: PinOut): string {
  return came[pinIn] + done[pinOut]
}
