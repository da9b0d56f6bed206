// One field out of JSON that a client sent, as text. Never throws, and never loses a digit: identities are often long numbers.

import { Buffer } from 'node:buffer'

/** Browsers keep no longer cookie (RFC 6265 6.1). */
const longestCookie = 4_096

/** The JSON of a cookie: as it is, percent-encoded, base64url, or with Express's `j:` in front. Undefined for anything else. */
export function readJsonCookie(value: string | undefined): unknown {
  if (value === undefined || value === '' || value.length > longestCookie) return undefined
  const text = value.includes('%') ? percentDecoded(value) : Buffer.from(value, 'latin1').toString('utf8')
  if (text === undefined) return undefined
  if (text.startsWith('{')) return parseJson(text)
  if (text.startsWith('j:{')) return parseJson(text.slice(2))
  // `{"` in base64.
  return text.startsWith('eyJ') ? parseJson(Buffer.from(text, 'base64url').toString('utf8')) : undefined
}

/** The object or array in a JSON text; undefined when it is none. Numbers come as they were written. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, asWritten)
  } catch {
    return undefined
  }
}

/** The value of the key `field`, or one level down for each dot in it; as text, and undefined for what is no text or number. */
export function fieldOf(json: unknown, field: string): string | undefined {
  const found = own(json, field) ?? field.split('.').reduce(own, json)
  if (typeof found === 'string') return found
  return found instanceof WrittenNumber ? found.text : undefined
}

/** A number in its digits: 20 of them do not fit a double. */
export class WrittenNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `source` is what stood there (ECMAScript's JSON.parse source text access). */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new WrittenNumber(context?.source ?? String(value)) : value
}

function own(json: unknown, key: string): unknown {
  if (typeof json !== 'object' || json === null || json instanceof WrittenNumber) return undefined
  return Object.hasOwn(json, key) ? (json as Record<string, unknown>)[key] : undefined
}

function percentDecoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}
