// What a client's socket tells its connection. The handlers are the same for all sockets and find the connection by a property of the
// socket, which goes when the socket has closed: Node keeps closed sockets until the next full collection, and what is still tied to one
// is carried along by each small collection before that. A closure for each event and connection made a new connection a seventh dearer.

import type { Socket } from 'node:net'

/** Who is told. */
export interface SocketUser {
  onData(bytes: Buffer): void
  /** The peer has ended its side. */
  onEnd(): void
  /** Nothing could be written for as long as `socket.setTimeout` said. */
  onTimeout(): void
  /** Nothing follows. */
  onClose(): void
}

const user = Symbol('user')

interface UsedSocket extends Socket {
  [user]?: SocketUser | undefined
}

/** Tells `of` all that happens on the socket, until it has closed. Errors end in a close. */
export function listenTo(socket: UsedSocket, of: SocketUser): void {
  socket[user] = of
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('error', ignoreError)
  socket.on('timeout', onTimeout)
  socket.on('close', onClose)
}

function onData(this: UsedSocket, bytes: Buffer): void {
  this[user]?.onData(bytes)
}

function onEnd(this: UsedSocket): void {
  this[user]?.onEnd()
}

function onTimeout(this: UsedSocket): void {
  this[user]?.onTimeout()
}

function onClose(this: UsedSocket): void {
  this[user]?.onClose()
  this[user] = undefined
}

function ignoreError(): void {
  // 'close' follows and does what there is to do.
}
