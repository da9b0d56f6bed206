// The chunked coding (RFC 9112 7.1), read strictly and incrementally. Data is moved together inside the buffer it came in, so that
// whatever is sent on is framed anew: extensions and trailers are counted, checked and dropped, never copied.

import { CR, LF, hexValue, isBlank, tokenByte, valueByte } from './bytes.ts'

/** Zeros in front are allowed (RFC 9112 7.1), but nobody needs more than a 64-bit number has. */
const MAX_SIZE_DIGITS = 16
const MAX_SIZE = 0xffff_ffff
/** Bytes of extensions in one message: nobody uses them but attackers (CVE-2023-39326 and its kin). */
const MAX_EXTENSION_BYTES = 4096
const MAX_TRAILER_BYTES = 8192

const QUOTE = 34
const SEMICOLON = 59
const EQUALS = 61
const BACKSLASH = 92

/** decode() needs more bytes. */
export const MORE = -1
/** decode() met something that is no chunked body. */
export const BROKEN = -2

const SIZE = 0
const SIZE_LF = 1
const DATA = 2
const DATA_CR = 3
const DATA_LF = 4
const TRAILER_START = 5
const TRAILER_NAME = 6
const TRAILER_VALUE = 7
const TRAILER_LF = 8
const LAST_LF = 9
// Of an extension; states from here on. BEFORE_NEXT: white space behind a size or an extension, which only another one may follow.
const BEFORE_NEXT = 10
const BEFORE_NAME = 11
const NAME = 12
const BEHIND_NAME = 13
const BEFORE_VALUE = 14
const VALUE = 15
const QUOTED = 16
const ESCAPED = 17
const QUOTE_END = 18

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
        return this.#state >= BEFORE_NEXT ? this.#extension(code) : this.#trailer(code)
    }
  }

  #size(code: number): number {
    const digit = hexValue[code]!
    if (digit !== 255) {
      if (++this.#digits > MAX_SIZE_DIGITS) return BROKEN
      this.#left = this.#left * 16 + digit
      return this.#left > MAX_SIZE ? BROKEN : 0
    }
    return this.#digits === 0 ? BROKEN : this.#next(code)
  }

  /** RFC 9112 7.1.1. Nobody reads extensions, but a quote that stays open may hide a line end from somebody who does. */
  #extension(code: number): number {
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) return BROKEN
    const state = this.#state
    switch (state) {
      case NAME:
      case VALUE:
        if (tokenByte[code] === 1) return 0
        if (state === VALUE) return this.#next(code)
        if (code === EQUALS) return this.#to(BEFORE_VALUE)
        return isBlank(code) ? this.#to(BEHIND_NAME) : this.#next(code)
      case QUOTED:
        if (code === QUOTE) return this.#to(QUOTE_END)
        if (code === BACKSLASH) return this.#to(ESCAPED)
        return valueByte[code] === 1 ? 0 : BROKEN
      case ESCAPED:
        return valueByte[code] === 1 ? this.#to(QUOTED) : BROKEN
      case QUOTE_END:
        return this.#next(code)
      default:
        return isBlank(code) ? 0 : this.#behindBlanks(state, code)
    }
  }

  /** White space is allowed between the parts of an extension and in front of one, but not at the end of the line. */
  #behindBlanks(state: number, code: number): number {
    if (state === BEFORE_NAME) return tokenByte[code] === 1 ? this.#to(NAME) : BROKEN
    if (state === BEFORE_VALUE && code === QUOTE) return this.#to(QUOTED)
    if (state === BEFORE_VALUE) return tokenByte[code] === 1 ? this.#to(VALUE) : BROKEN
    if (state === BEHIND_NAME && code === EQUALS) return this.#to(BEFORE_VALUE)
    return code === SEMICOLON ? this.#to(BEFORE_NAME) : BROKEN
  }

  /** What may stand behind a size or a whole extension. */
  #next(code: number): number {
    if (code === CR) return this.#to(SIZE_LF)
    if (code === SEMICOLON) return this.#to(BEFORE_NAME)
    return isBlank(code) ? this.#to(BEFORE_NEXT) : BROKEN
  }

  #to(state: number): 0 {
    this.#state = state
    return 0
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
