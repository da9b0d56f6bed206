// The keys that sign pins: the first signs, all of them verify, so that keys can be changed without moving anyone.
// Never shows a secret: a key is named by eight hex digits of its hash.

import { hash } from 'node:crypto'
import { Buffer } from 'node:buffer'
import type { PinKey } from './types.ts'

export const secretBytesAtLeast = 32

export interface KeyRing {
  readonly signing: PinKey
  /** True when no key was configured: pins die with this process and no other gateway reads them. */
  readonly random: boolean
  find(id: string): PinKey | undefined
}

/**
 * A ring of the configured secrets, or of one random key when there are none.
 * Throws (start-up and reload only) when a secret is shorter than 32 bytes or two different ones have the same id.
 */
export function createKeyRing(secrets: readonly Uint8Array[], randomBytes: (size: number) => Uint8Array): KeyRing {
  const random = secrets.length === 0
  const keys = new Map<string, PinKey>()
  for (const [index, secret] of (random ? [randomBytes(secretBytesAtLeast)] : secrets).entries()) {
    if (secret.byteLength < secretBytesAtLeast) {
      throw new Error(`pin key ${index + 1} has ${secret.byteLength} bytes; at least ${secretBytesAtLeast} are needed`)
    }
    const key = { id: keyId(secret), secret }
    const twin = keys.get(key.id)
    if (twin !== undefined && Buffer.compare(twin.secret, secret) !== 0) {
      throw new Error(`pin key ${index + 1} has the same id (${key.id}) as another key; make a new one`)
    }
    if (twin === undefined) keys.set(key.id, key)
  }
  const [signing] = keys.values()
  return { signing: signing!, random, find: (id) => keys.get(id) }
}

/** First 8 hex digits of SHA-256 over the secret: the same on every gateway that holds it. */
function keyId(secret: Uint8Array): string {
  return hash('sha256', secret, 'hex').slice(0, 8)
}
