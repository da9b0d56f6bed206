// What a configuration's text looks like on the wire. Facts hold one character a byte (latin1), as the engine reads a head, so rule
// texts are turned into the same shape once, when they are compiled.

import { Buffer } from 'node:buffer'

/** The UTF-8 bytes of a text, one character a byte: `é` is `Ã©`. ASCII is itself. */
export function wireText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** The same for a list, which is handed back as it is where nothing has to change: it may hold a million values. */
export function wireTexts(values: ReadonlySet<string>): ReadonlySet<string> {
  for (const value of values) if (!isAscii(value)) return new Set(Array.from(values, wireText))
  return values
}

/** Lower case for A to Z alone: the bytes above 0x7f are parts of UTF-8 letters and have no case of their own. */
export function asciiLowerCase(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
