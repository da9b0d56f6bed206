// Server-Sent Events (HTML Living Standard 9.2) to everybody who watches: once a second the same text to all, made once, and only while
// somebody is there. Who reads too slowly misses a second rather than have it kept for him.

import type { FastifyReply } from 'fastify'
import type { ServerResponse } from 'node:http'

const everyMs = 1000
/** More than people have open; fewer than could hurt. */
const mostWatchers = 64

interface Watcher {
  readonly response: ServerResponse
  /** Makes its next events; '' for none. */
  readonly next: () => string
}

export class EventStream {
  readonly #watchers = new Set<Watcher>()
  #timer: NodeJS.Timeout | undefined

  /** False when there are too many already. Takes the reply over; `next` is called at once, then every second. */
  open(reply: FastifyReply, next: () => string): boolean {
    if (this.#watchers.size >= mostWatchers) return false
    reply.hijack()
    const response = reply.raw
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) response.setHeader(name, value)
    response.setHeader('content-type', 'text/event-stream; charset=utf-8')
    // nginx in front would hold events back.
    response.setHeader('x-accel-buffering', 'no')
    response.writeHead(200)
    const watcher = { response, next }
    this.#watchers.add(watcher)
    response.on('close', () => this.#leave(watcher))
    response.on('error', () => this.#leave(watcher))
    this.#tell(watcher)
    this.#timer ??= setInterval(() => this.#tellAll(), everyMs).unref()
    return true
  }

  close(): void {
    for (const { response } of this.#watchers) response.end()
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tellAll(): void {
    for (const watcher of this.#watchers) if (!watcher.response.writableNeedDrain) this.#tell(watcher)
  }

  #tell({ response, next }: Watcher): void {
    const events = next()
    if (events !== '') response.write(events)
  }

  #leave(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** One event with JSON as its data. */
export function eventText(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`
}
