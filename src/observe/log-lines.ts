// Lines of the access log as bytes, put together in one piece of memory that is handed over whole: at tens of thousands of lines a
// second, strings joined from thirty parts cost more than all the rest of a line. Knows no field.

import { Buffer } from 'node:buffer'

/** For the line that passes the piece. */
const lineBytes = 8 * 1024
/** Slabs kept for reuse: one more than are written at a time while the disk keeps up. */
const maxSpare = 2
/** Up to so many bytes a loop is quicker than a call. */
const fewBytes = 32
/** Bytes that one UTF-16 unit takes at most: `\u2028`. */
const unitBytes = 6
const quote = 0x22
const backslash = 0x5c

export class LogLines {
  /** Bytes that wait. */
  length = 0
  /** Lines that wait. */
  count = 0
  readonly #slabBytes: number
  #bytes: Buffer<ArrayBuffer>
  readonly #spare: Buffer<ArrayBuffer>[] = []

  /** @param pieceBytes that are taken at a time, about */
  constructor(pieceBytes: number) {
    this.#slabBytes = pieceBytes + lineBytes
    this.#bytes = Buffer.allocUnsafeSlow(this.#slabBytes)
  }

  /** ASCII that was prepared once, whatever stands in it. */
  raw(ascii: Uint8Array): void {
    const { length } = ascii
    this.#reserve(length)
    const bytes = this.#bytes
    const from = this.length
    if (length > fewBytes) bytes.set(ascii, from)
    else for (let i = 0; i < length; i++) bytes[from + i] = ascii[i]!
    this.length = from + length
  }

  /** What stands between the quotes of a JSON string: printable ASCII as it is, everything else as `\uXXXX`. */
  text(value: string): void {
    this.#reserve(value.length * unitBytes)
    const bytes = this.#bytes
    let at = this.length
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash) at = escape(bytes, at, code)
      else bytes[at++] = code
    }
    this.length = at
  }

  /** A number from 0 to 2^53, without decimals. */
  integer(value: number): void {
    this.#reserve(16)
    this.length = digits(this.#bytes, this.length, value)
  }

  /** A number with three decimals at most; -1 as it is. */
  milliseconds(value: number): void {
    this.#reserve(24)
    const bytes = this.#bytes
    const micros = Math.round(Math.abs(value) * 1000)
    if (value < 0 && micros > 0) bytes[this.length++] = 0x2d
    const whole = Math.floor(micros / 1000)
    let at = digits(bytes, this.length, whole)
    const rest = micros - whole * 1000
    if (rest > 0) {
      bytes[at++] = 0x2e
      bytes[at++] = 0x30 + ((rest / 100) | 0)
      if (rest % 100 > 0) bytes[at++] = 0x30 + (((rest / 10) | 0) % 10)
      if (rest % 10 > 0) bytes[at++] = 0x30 + (rest % 10)
    }
    this.length = at
  }

  /** Everything that waits. The memory is the caller's until it is given back, or for good. */
  take(): Buffer<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.length)
    this.#bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes)
    this.length = 0
    this.count = 0
    return taken
  }

  /** What was taken is written. Memory that is used again is still in the processor's cache, and nothing for the garbage collector. */
  giveBack({ buffer }: Buffer<ArrayBuffer>): void {
    if (buffer.byteLength === this.#slabBytes && this.#spare.length < maxSpare) this.#spare.push(Buffer.from(buffer))
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow((this.length + bytes) * 2)
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }
}

function digits(bytes: Uint8Array, from: number, value: number): number {
  if (value < 10) {
    bytes[from] = 0x30 + value
    return from + 1
  }
  let end = from + 1
  for (let bound = 10; value >= bound; bound *= 10) end++
  let left = value
  for (let at = end - 1; at >= from; at--) {
    const rest = Math.floor(left / 10)
    bytes[at] = 0x30 + left - rest * 10
    left = rest
  }
  return end
}

function escape(bytes: Uint8Array, from: number, unit: number): number {
  bytes[from] = backslash
  bytes[from + 1] = 0x75
  for (let i = 0; i < 4; i++) {
    const nibble = (unit >> (12 - i * 4)) & 15
    bytes[from + 2 + i] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
  }
  return from + unitBytes
}
