// The MQTT broker of the demo, embedded, on loopback at a port the kernel chose.
// Never reachable from another machine, and keeps nothing on disk.

import { createServer, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { listen } from './listen.ts'

export interface Broker {
  readonly url: string
  close(): Promise<void>
}

export async function startBroker(): Promise<Broker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  const port = await listen(server, { part: 'the MQTT broker', host: '127.0.0.1', port: 0 })
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async close() {
      await new Promise<void>((resolve) => {
        aedes.close(resolve)
      })
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}
