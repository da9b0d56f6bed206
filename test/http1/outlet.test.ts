// When what waits to be written goes out: at the end of the turn, or later while each turn brings another connection.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isBusy, Outlet } from '../../src/proxy/http1/outlet.ts'
import { type PlainProxy, startPlainProxy } from './plain-proxy.ts'

const mostTurns = 16

describe('what is to be written soon', () => {
  let proxy: PlainProxy
  let outlets: Outlet[]
  /** Those that the outlets write to. */
  let sockets: Socket[]
  /** Those that may be accepted. */
  let queue: Socket[]
  const server = createServer((socket) => socket.resume())

  /** What the listening socket does with a connection. */
  function accept(): void {
    proxy.server.accept('plain', proxy.port, queue.pop()!)
  }

  async function connected(): Promise<Socket> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }

  beforeEach(async () => {
    proxy = await startPlainProxy({ endpoints: [] })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    sockets = [await connected(), await connected()]
    outlets = sockets.map((socket) => new Outlet(socket))
    queue = []
    while (queue.length < mostTurns) queue.push(await connected())
    // Whatever the tests before left to be noticed.
    await oneGoesOut()
  })
  afterEach(async () => {
    for (const socket of [...sockets, ...queue]) socket.destroy()
    server.close()
    await proxy.close()
  })

  function written(): number {
    return sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }

  async function oneGoesOut(): Promise<void> {
    const before = written()
    outlets[0]!.writeSoon('x')
    while (written() === before) await turn()
  }

  it('goes out at the end of the turn', async () => {
    const before = written()
    for (const outlet of outlets) outlet.writeSoon('x')
    expect(written()).toBe(before)
    await turn()
    expect(written()).toBe(before + 2)
  })

  it('waits for the next turn when this one brought a connection, and for no other', async () => {
    const before = written()
    accept()
    outlets[0]!.writeSoon('x')
    await turn()
    expect(written()).toBe(before)
    outlets[1]!.writeSoon('y')
    await turn()
    expect(written()).toBe(before + 2)
  })

  it('goes out after sixteen turns, however many connections come', async () => {
    const before = written()
    outlets[0]!.writeSoon('x')
    let turns = 0
    for (; written() === before; turns++) {
      accept()
      await turn()
    }
    expect(turns).toBe(mostTurns)
  })

  it('goes out at once when its socket is asked for', async () => {
    const before = written()
    accept()
    outlets[0]!.writeSoon('x')
    outlets[0]!.socket.write('y')
    expect(written()).toBe(before + 2)
    await oneGoesOut()
  })

  it('is several messages under load: then even the answer of a lone request waits, until one has waited alone', async () => {
    expect([isBusy(1), isBusy(2), isBusy(3)]).toEqual([false, false, true])
    for (const outlet of outlets) outlet.writeSoon('x')
    await turn()
    expect(isBusy(1)).toBe(true)
    await oneGoesOut()
    expect(isBusy(1)).toBe(false)
  })
})
