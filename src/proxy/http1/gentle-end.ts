// Where a long answer may end early without the client taking it for an accident: a WebSocket between two messages, with a Close frame; a
// stream of events behind a whole one. Only sees what goes to the client; reads lengths, never content.

/** frames: a WebSocket. events: text/event-stream, ended by an empty line. lines: one message a line. */
export type EndKind = 'frames' | 'events' | 'lines'

const LF = 10
const CR = 13
/** Opcodes of frames (RFC 6455 5.2): from this one on they are control frames, which may stand between fragments. */
const firstControl = 8
const close = 8

/** 1012, Service Restart (RFC 6455 11.7): clients that know it come back after a while. Servers do not mask (5.1). */
export const closeFrame = Buffer.from([0x88, 0x02, 0x03, 0xf4])

export class GentleEnd {
  readonly kind: EndKind
  /** The client has all that it is going to get. */
  reached = false
  #asked = false
  // Of a frame: bytes of its payload to come, and what is known of a header that came in pieces (RFC 6455 5.2).
  #payload = 0
  #header = 0
  #headerLength = 2
  #second = 0
  #length = 0
  /** More fragments of a message are to come: a Close may stand between them (5.4), but half a message is no message. */
  #isFragmented = false
  /** A Close went by: no other may follow it (5.5.1). */
  #isClosed = false
  /** The last bytes that went out, as far as an empty line goes. */
  #tail = '\n\n'

  constructor(kind: EndKind) {
    this.kind = kind
  }

  /** Ends at the next place. True when this is one. */
  ask(): boolean {
    this.#asked = true
    return (this.reached = this.#isPlace)
  }

  /** Takes note of a span on its way to the client; returns where it has to stop, which is `to` unless the end is reached. */
  pass(buffer: Buffer, from: number, to: number): number {
    return this.kind === 'frames' ? this.#passFrames(buffer, from, to) : this.#passText(buffer, from, to)
  }

  get #isPlace(): boolean {
    if (this.kind === 'frames') {
      return this.#payload === 0 && this.#header === 0 && !this.#isFragmented && !this.#isClosed
    }
    return this.kind === 'lines' ? this.#tail.endsWith('\n') : /\n\r?\n$/.test(this.#tail)
  }

  #passFrames(buffer: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      if (this.#payload > 0) {
        const step = Math.min(this.#payload, to - at)
        this.#payload -= step
        at += step
      } else this.#readHeader(buffer[at++]!)
      if (this.#asked && this.#isPlace) {
        this.reached = true
        return at
      }
    }
    return at
  }

  /** The header comes byte by byte: 2 bytes, then 0, 2 or 8 of a longer length, then 4 of a mask. */
  #readHeader(byte: number): void {
    const at = this.#header++
    if (at === 0) {
      const opcode = byte & 0x0f
      if (opcode < firstControl) this.#isFragmented = (byte & 0x80) === 0
      else if (opcode === close) this.#isClosed = true
    } else if (at === 1) {
      this.#second = byte
      const short = byte & 0x7f
      const more = short === 126 ? 2 : short === 127 ? 8 : 0
      this.#length = more === 0 ? short : 0
      this.#headerLength = 2 + more + ((byte & 0x80) === 0 ? 0 : 4)
    } else if (at >= 2 && at < 2 + this.#longLength) this.#length = this.#length * 256 + byte
    if (this.#header < this.#headerLength || this.#header < 2) return
    this.#payload = this.#length
    this.#header = 0
    this.#headerLength = 2
  }

  get #longLength(): number {
    const short = this.#second & 0x7f
    return short === 126 ? 2 : short === 127 ? 8 : 0
  }

  #passText(buffer: Buffer, from: number, to: number): number {
    for (let at = from; this.#asked && at < to; at++) {
      const byte = buffer[at]!
      this.#tail = this.#tail.slice(-2) + (byte === LF ? '\n' : byte === CR ? '\r' : ' ')
      if (byte !== LF || !this.#isPlace) continue
      this.reached = true
      return at + 1
    }
    if (!this.#asked && to > from)
      this.#tail = (this.#tail + buffer.toString('latin1', Math.max(from, to - 3), to)).slice(-3)
    return to
  }
}
