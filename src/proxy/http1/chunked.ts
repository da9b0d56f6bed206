// The chunked coding (RFC 9112 7.1), read strictly and incrementally. Data is moved together inside the buffer it came in, so that
// whatever is sent on is framed anew: extensions and trailers are counted, checked and dropped, never copied.

import { CR, LF, SP, TAB, hexValue, tokenByte, valueByte } from './bytes.ts'

const MAX_SIZE_DIGITS = 8
/** Bytes of extensions in one message: nobody uses them but attackers (CVE-2023-39326 and its kin). */
const MAX_EXTENSION_BYTES = 4096
const MAX_TRAILER_BYTES = 8192

/** decode() needs more bytes. */
export const MORE = -1
/** decode() met something that is no chunked body. */
export const BROKEN = -2

const SIZE = 0
const AFTER_SIZE = 1
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILER_START = 7
const TRAILER_NAME = 8
const TRAILER_VALUE = 9
const TRAILER_LF = 10
const LAST_LF = 11

export class ChunkedDecoder {
  /** Where the data of the last decode() stands in its buffer. */
  dataStart = 0
  dataEnd = 0
  /** Bytes of this message that were no data: sizes, extensions, line ends, trailers. */
  framingBytes = 0
  #state = SIZE
  #digits = 0
  #left = 0
  #extensionBytes = 0
  #trailerBytes = 0

  reset(): void {
    this.#state = SIZE
    this.#digits = 0
    this.#left = 0
    this.#extensionBytes = 0
    this.#trailerBytes = 0
    this.framingBytes = 0
  }

  /**
   * Reads bytes[at..end) and moves its data to bytes[dataStart..dataEnd), which never lies before the first data byte.
   * Returns the position behind the message, MORE or BROKEN.
   */
  decode(bytes: Buffer, at: number, end: number): number {
    let p = at
    this.dataStart = at
    this.dataEnd = at
    while (p < end) {
      if (this.#state === DATA) {
        p = this.#takeData(bytes, p, end)
        continue
      }
      const code = bytes[p++]!
      this.framingBytes++
      const next = this.#step(code)
      if (next === BROKEN) return BROKEN
      if (next === MORE) return p
    }
    return MORE
  }

  #takeData(bytes: Buffer, at: number, end: number): number {
    const length = Math.min(this.#left, end - at)
    if (this.dataEnd === this.dataStart) this.dataStart = this.dataEnd = at
    else bytes.copyWithin(this.dataEnd, at, at + length)
    this.dataEnd += length
    this.#left -= length
    if (this.#left === 0) this.#state = DATA_CR
    return at + length
  }

  /** One framing byte. 0 to go on, MORE when the message has ended, BROKEN. */
  #step(code: number): number {
    switch (this.#state) {
      case SIZE:
        return this.#size(code)
      case AFTER_SIZE:
        // White space is allowed only before an extension (RFC 9112 7.1.1).
        if (code === SP || code === TAB) return this.#extension()
        if (code !== 59) return BROKEN
        this.#state = EXTENSION
        return 0
      case EXTENSION:
        if (code === CR) this.#state = SIZE_LF
        else if (valueByte[code] === 0) return BROKEN
        return this.#extension()
      case SIZE_LF:
        if (code !== LF) return BROKEN
        this.#state = this.#left === 0 ? TRAILER_START : DATA
        return 0
      case DATA_CR:
        if (code !== CR) return BROKEN
        this.#state = DATA_LF
        return 0
      case DATA_LF:
        if (code !== LF) return BROKEN
        this.#state = SIZE
        this.#digits = 0
        return 0
      default:
        return this.#trailer(code)
    }
  }

  #size(code: number): number {
    const digit = hexValue[code]!
    if (digit !== 255) {
      if (++this.#digits > MAX_SIZE_DIGITS) return BROKEN
      this.#left = this.#left * 16 + digit
      return 0
    }
    if (this.#digits === 0) return BROKEN
    if (code === CR) this.#state = SIZE_LF
    else if (code === 59) this.#state = EXTENSION
    else if (code === SP || code === TAB) this.#state = AFTER_SIZE
    else return BROKEN
    return 0
  }

  #extension(): number {
    return ++this.#extensionBytes > MAX_EXTENSION_BYTES ? BROKEN : 0
  }

  #trailer(code: number): number {
    if (++this.#trailerBytes > MAX_TRAILER_BYTES) return BROKEN
    switch (this.#state) {
      case TRAILER_START:
        if (code === CR) this.#state = LAST_LF
        else if (tokenByte[code] === 1) this.#state = TRAILER_NAME
        else return BROKEN
        return 0
      case TRAILER_NAME:
        if (code === 58) this.#state = TRAILER_VALUE
        else if (tokenByte[code] === 0) return BROKEN
        return 0
      case TRAILER_VALUE:
        if (code === CR) this.#state = TRAILER_LF
        else if (valueByte[code] === 0) return BROKEN
        return 0
      case TRAILER_LF:
        if (code !== LF) return BROKEN
        this.#state = TRAILER_START
        return 0
      default:
        return code === LF ? MORE : BROKEN
    }
  }
}
