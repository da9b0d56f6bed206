// Memory of connections that wait: each has made one request, then says nothing. Resident memory of the process tree before and after.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import type { LoadGenerator } from './load/load.ts'
import { costOfTree } from './process-tree.ts'
import type { IdleSample } from './result.ts'
import { browserHeaders } from './scenarios.ts'
import type { Checked } from './stage.ts'

const atOnce = 100

/** Wants a contender started for this alone, so that no earlier load left free memory behind. Undefined: the system does not tell. */
export async function measureIdle(
  one: Checked,
  connections: number,
  generator: LoadGenerator,
): Promise<IdleSample | undefined> {
  const id = one.child?.pid
  if (id === undefined || costOfTree(id) === undefined) return undefined
  const headers = browserHeaders(one.verdict.pins.v2)
  const load = { method: 'GET', path: '/', bodyBytes: 0, newConnections: false, connections: 64, seconds: 1 } as const
  await generator.run({ ...load, port: one.port, headers })
  await sleep(1000)
  const before = costOfTree(id)!.residentKib
  const request = Buffer.from(`GET / HTTP/1.1\r\n${headers.map((field) => field.join(': ')).join('\r\n')}\r\n\r\n`)
  const sockets = await openAll(one.port, request, connections)
  await sleep(1500)
  const after = costOfTree(id)!.residentKib
  for (const socket of sockets) socket.destroy()
  const { name } = one.contender
  const failed = connections - sockets.length
  return { contender: name, connections: sockets.length, failed, residentKibBefore: before, residentKibAfter: after }
}

async function openAll(port: number, request: Buffer, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, count - opened) }, () => openOne(port, request))
    for (const socket of await Promise.all(batch)) if (socket !== undefined) sockets.push(socket)
  }
  return sockets
}

/** A connection whose one request was answered, else undefined. */
async function openOne(port: number, request: Buffer): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(request)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    socket.on('error', () => socket.destroy())
    return answer.toString('latin1', 0, 12) === 'HTTP/1.1 200' ? socket : undefined
  } catch {
    return undefined
  }
}
