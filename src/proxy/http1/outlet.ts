// The writing side of a socket. Under load, short messages wait for the end of the event loop's turn and go out one after the other, those
// of all connections: reading, deciding and writing then run in a row each, which processors like, and whoever reads at the other ends is
// woken once for many.

import type { Socket } from 'node:net'

/** So many requests at once are load. Fewer are answered at once: nobody else would gain by waiting. */
const FEW_REQUESTS = 2
/** So many turns messages wait at most, each a fraction of a millisecond under such load. */
const MOST_TURNS = 16

/**
 * Those with something to write soon, and what. The texts are not kept in the outlets: a new text in an object that has lived long is noted
 * by the garbage collector each time.
 */
let waiting: Outlet[] = []
let texts: string[] = []
/** How many went out together last time. */
let together = 0
/** A connection was accepted since messages were last looked at. */
let accepted = false
let turns = 0

/** Whether messages should wait, with so many requests under way. Several that went out together are load as well. */
export function isBusy(activeRequests: number): boolean {
  return activeRequests > FEW_REQUESTS || together > 1
}

/**
 * To be called for each new connection. The event loop accepts one a turn, however many queue in the kernel, so requests that come over
 * connections of their own come one a turn as well. As long as each turn brings a connection, messages wait for those of the next.
 */
export function noteAccepted(): void {
  accepted = true
}

function writeAll(): void {
  if (accepted && ++turns < MOST_TURNS) {
    accepted = false
    setImmediate(writeAll)
    return
  }
  turns = 0
  together = waiting.length
  for (const outlet of waiting) outlet.flush()
  waiting = []
  texts = []
}

export class Outlet {
  readonly #socket: Socket
  /** Among those that wait; -1 when nothing is to be written. */
  #place = -1
  /** Milliseconds that the rest may take to go out before the socket is closed; -1 while it stays open. */
  #closesWithinMs = -1

  constructor(socket: Socket) {
    this.#socket = socket
    // Node looks up an encoding that comes with a text, each time.
    socket.setDefaultEncoding('latin1')
  }

  /** The socket, whatever was to be written later being written. So nothing can overtake it, and no end comes before it. */
  get socket(): Socket {
    this.flush()
    return this.#socket
  }

  /** Something is to be written soon. */
  get waits(): boolean {
    return this.#place !== -1
  }

  /** Nothing waits to be written, here or in the socket. */
  get empty(): boolean {
    return !this.waits && this.#socket.writableLength === 0
  }

  /** Writes at the end of this turn, or of one of the next, before the event loop waits again. */
  writeSoon(text: string): void {
    if (this.#place !== -1) texts[this.#place] += text
    else {
      this.#place = texts.push(text) - 1
      if (waiting.push(this) === 1) setImmediate(writeAll)
    }
  }

  flush(): void {
    const place = this.#place
    if (place === -1) return
    this.#place = -1
    this.#socket.write(texts[place]!)
    if (this.#closesWithinMs >= 0) this.#close()
  }

  /** Closes the socket, once everything was written. With a stall of `stallMs` what is left is given up. */
  closeSoon(stallMs: number): void {
    this.#closesWithinMs = stallMs
    if (this.#place === -1) this.#close()
  }

  #close(): void {
    const socket = this.#socket
    // What the kernel has goes out whatever becomes of the socket.
    if (socket.writableLength === 0) return void socket.destroy()
    socket.setTimeout(this.#closesWithinMs)
    socket.destroySoon()
  }

  /** What was not written yet is never written. */
  drop(): void {
    this.#place = -1
  }
}
