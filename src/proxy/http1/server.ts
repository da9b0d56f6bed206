// Listens, counts and limits client connections, and lets them end in good order.

import net from 'node:net'
import type { ExchangeHandler, ListenerOptions } from '../exchange.ts'
import { ClientConnection } from './client-connection.ts'
import type { ConnectionOwner } from './client-link.ts'
import type { Deadlines } from './deadlines.ts'
import { descriptorsForConnections } from './descriptors.ts'
import { edgeResponse } from './edge-response.ts'
import type { Limits } from './limits.ts'
import { noteAccepted } from './outlet.ts'
import type { Upstreams } from './upstreams.ts'

export interface Http1ServerOptions<L> {
  readonly handler: ExchangeHandler<L>
  readonly upstreams: Upstreams
  readonly limits: Limits
}

const BACKLOG = 4096
/** Connections looked at to find an idle one; keeps accepting cheap under a flood of busy ones. */
const EVICTION_LOOKS = 64
/** Connections above what descriptors allow that still get an answer: half of what is kept free. */
const FAREWELLS = 8

export function createHttp1Server<L>(options: Http1ServerOptions<L>): Http1Server<L> {
  return new Http1Server(options)
}

export class Http1Server<L> implements ConnectionOwner<L> {
  readonly handler: ExchangeHandler<L>
  readonly upstreams: Upstreams
  /** May be exchanged while connections are open; each wait and check takes what it finds. */
  limits: Limits
  readonly deadlines: Deadlines
  draining = false
  /** New connections are reset at once, before they cost anything. */
  refusing = false
  /** Whether connections of this peer count against limits.connectionsPerAddress. */
  countsAlone: (address: string) => boolean = () => true
  activeRequests = 0
  readonly #connections = new Set<ClientConnection<L>>()
  readonly #perAddress = new Map<string, number>()
  readonly #descriptors = descriptorsForConnections()
  readonly #listening = new Map<L, net.Server>()
  #onEmpty: (() => void) | null = null

  constructor(options: Http1ServerOptions<L>) {
    this.handler = options.handler
    this.upstreams = options.upstreams
    this.limits = options.limits
    this.deadlines = options.upstreams.deadlines
  }

  get openConnections(): number {
    return this.#connections.size
  }

  /**
   * Rejects when the port cannot be had. Port 0 lets the kernel choose. `secured` makes of an accepted socket the one that HTTP is
   * spoken on: TLS goes in between there.
   */
  listen(
    listener: L,
    at: ListenerOptions,
    secured: (socket: net.Socket) => net.Socket = asItIs,
  ): Promise<{ port: number }> {
    const server = net.createServer({ noDelay: true, allowHalfOpen: true })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port: at.port, host: at.address, backlog: BACKLOG }, () => {
        server.removeListener('error', reject)
        if (this.draining) {
          // A reload that was under way: nobody would close it any more.
          server.close()
          reject(new Error('the gateway is ending: it listens nowhere anew'))
          return
        }
        server.on('error', ignoreError)
        const { port } = server.address() as net.AddressInfo
        server.on('connection', (socket: net.Socket) => {
          if (this.refusing) socket.resetAndDestroy()
          else this.accept(listener, port, secured(socket))
        })
        this.#listening.set(listener, server)
        resolve({ port })
      })
    })
  }

  /** Takes a connection in; TLS hands its sockets over here. */
  accept(listener: L, localPort: number, socket: net.Socket): void {
    const address = socket.remoteAddress
    if (address === undefined) {
      socket.destroy()
      return
    }
    noteAccepted()
    const { limits } = this
    const count = (this.#perAddress.get(address) ?? 0) + 1
    if (this.#isFull(1)) this.#evictIdle()
    if (this.#connectionsOver(1) > 0) this.upstreams.closeIdle()
    const connection = new ClientConnection(this, socket, listener, localPort)
    this.#connections.add(connection)
    this.#perAddress.set(address, count)
    const tooMany =
      this.#isFull(0) ||
      (limits.connectionsPerAddress > 0 && count > limits.connectionsPerAddress && this.countsAlone(address))
    if (tooMany) {
      const answer = this.handler.refuse(connection, 'too-many-connections', false)
      // The answer would cost a handshake first: that is the work which the limit is to spare. And each one holds a descriptor for a while.
      if (connection.encrypted || this.#connectionsOver(0) > FAREWELLS) connection.destroy()
      else {
        socket.write(edgeResponse(answer, 'close', true), 'latin1')
        connection.close()
      }
    }
  }

  /** Stops accepting there. Its open connections live on. By its name: one port may be bound at several addresses. */
  unlisten(listener: L): void {
    this.#listening.get(listener)?.close()
    this.#listening.delete(listener)
  }

  /** Connections that are idle now end after so many milliseconds. */
  shortenIdle(ms: number): void {
    for (const connection of this.#connections) if (connection.idle) this.deadlines.set(connection, ms)
  }

  /** Stops accepting; idle connections close now, the others with their next answer. */
  drain(): void {
    this.draining = true
    for (const listener of this.#listening.keys()) this.unlisten(listener)
    for (const connection of this.#connections) if (connection.idle) connection.close()
  }

  /** Drains, and resolves when every connection has ended; those that are still open after `deadlineMs` are destroyed. */
  close(deadlineMs: number): Promise<void> {
    this.drain()
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy()
      }, deadlineMs)
      this.#onEmpty = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  onClosed(connection: ClientConnection<L>): void {
    this.#forget(connection)
  }

  /** With so many clients more there are more than the configuration, or the system, allows. */
  #isFull(more: number): boolean {
    return this.#connections.size + more > this.limits.connections || this.#connectionsOver(more) > 0
  }

  /** How many connections there are, with so many clients more, above what the descriptors allow; below 0 when there is room. */
  #connectionsOver(more: number): number {
    return this.#connections.size + this.upstreams.open + more - this.#descriptors
  }

  /** Makes room for a new connection by closing one that waits for nothing, an old one first. Looks at a few only. */
  #evictIdle(): void {
    let looked = 0
    for (const connection of this.#connections) {
      if (connection.idle) {
        connection.destroy()
        this.#forget(connection)
        return
      }
      if (++looked === EVICTION_LOOKS) return
    }
  }

  #forget(connection: ClientConnection<L>): void {
    if (!this.#connections.delete(connection)) return
    const address = connection.remoteAddress
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }
}

function asItIs(socket: net.Socket): net.Socket {
  return socket
}

function ignoreError(): void {
  // Nothing to be done: without a descriptor libuv closes what waits to be accepted, and goes on when one is free.
}
