// Signatures of the texts that we hand out and get back: 128 bits of HMAC-SHA256 in base64url. And names in such texts, whose fields dots
// part.

import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

const macBytes = 16

export function sign(text: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(text).digest().toString('base64url', 0, macBytes)
}

/** In constant time. Compared as text: base64url has several spellings of the same bytes, and only ours counts. */
export function isSame(mac: string, expected: string): boolean {
  const a = Buffer.from(mac)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Names are [A-Za-z0-9][A-Za-z0-9._-]*, so a dot inside one becomes `~`, which occurs in none. */
export function encodeName(name: string): string {
  return name.replaceAll('.', '~')
}

export function decodeName(field: string): string {
  return field.replaceAll('~', '.')
}
