// A gateway that runs out of file descriptors: what waits for nothing makes room, and what cannot be done now is done later.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, rawRequest } from '../admin/raw-request.ts'
import { ClusterUnderTest } from '../cluster/cluster-process.ts'
import { type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { ServingProcess } from './graylane-process.ts'
import { routesFolder, type RoutesFolder } from './routes.ts'

const isLinux = process.platform === 'linux'

function get(address: string, target = '/'): Promise<Answer> {
  return rawRequest(address, { target, fields: [`Host: ${address}`] })
}

/** Connections that say nothing, or ask and wait; those that the other side closed count as `left`. */
class Silent {
  readonly sockets: Socket[] = []
  left = 0

  async open(address: string, count: number, request = ''): Promise<void> {
    const [host, port] = address.split(':') as [string, string]
    for (let i = 0; i < count; i++) {
      const socket = connect(Number(port), host)
      socket.on('error', () => undefined).on('close', () => this.left++)
      socket.resume()
      this.sockets.push(socket)
      await once(socket, 'connect')
      if (request === '') continue
      // Until it is read the connection waits for nothing, and might make room for the next one.
      socket.write(request)
      await sleep(20)
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}

describe.skipIf(!isLinux)(
  `a process with few descriptors${isLinux ? '' : ' (left out: elsewhere than on Linux)'}`,
  () => {
    let folder: RoutesFolder
    let backend: EchoBackend
    let serving: ServingProcess | undefined
    let silent: Silent

    beforeEach(async () => {
      folder = await routesFolder()
      backend = await startEchoBackend('app', 'v1')
      silent = new Silent()
      await folder.write(`listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "${backend.url}" } }
stable: v1
`)
    })
    afterEach(async () => {
      silent.close()
      await serving?.kill()
      await backend.close()
      await folder.remove()
    })

    it('closes connections that wait for nothing before it closes new ones unheard, and stays in reach of its operator', async () => {
      serving = await ServingProcess.start(folder.path, [], {}, 'ulimit -n 72 && exec "$@"')
      await silent.open(serving.listener, 100)
      for (let i = 0; i < 20; i++) expect((await get(serving.listener)).status).toBe(200)
      expect((await get(serving.admin, '/readyz')).status).toBe(200)
      expect((await rawRequest(serving.admin, { method: 'POST', target: '/reload' })).status).toBe(200)
      expect(silent.left).toBeGreaterThan(50)
      expect(silent.left).toBeLessThan(100)
    })

    it('refuses new connections when all wait for an answer, and stays in reach of its operator', async () => {
      const mute = createNetServer(() => undefined)
      await once(mute.listen(0, '127.0.0.1'), 'listening')
      await folder.write(`listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: {} }
versions: { v1: { app: "http://127.0.0.1:${(mute.address() as AddressInfo).port}" } }
stable: v1
accessLog: off
`)
      serving = await ServingProcess.start(folder.path, [], {}, 'ulimit -n 72 && exec "$@"')
      await silent.open(serving.listener, 60, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const { body } = await get(serving.admin, '/metrics')
      expect(body).toMatch(/graylane_edge_answers_total\{code="EDGE_TOO_MANY_CONNECTIONS"\} [1-9]/)
      expect((await rawRequest(serving.admin, { method: 'POST', target: '/reload' })).status).toBe(200)
      mute.close()
    })
  },
)

describe.skipIf(!isLinux).each([[['1']], [['2']]])('--workers %s without any descriptor', (workers) => {
  it('goes on, and takes the configuration that it could not read as soon as it can', { timeout: 60_000 }, async () => {
    await using cluster = await ClusterUnderTest.start('', ['--workers', ...workers])
    const { pid } = cluster.serving.child
    const pids = [pid!, ...(workers[0] === '1' ? [] : await cluster.pids())]
    for (const one of pids) allow(one, 1)
    await cluster.folder.write(cluster.yaml('stable: v2'))
    cluster.serving.child.kill('SIGHUP')
    await cluster.serving.says(/configuration refused/)
    // Each process has looked at its memory by then, for which it wants a descriptor.
    await sleep(1000)
    for (const one of pids) allow(one, 20_000)
    await cluster.serving.says(/is in force/)
    expect(await cluster.version()).toBe('v2')
    expect(cluster.serving.err).not.toMatch(/worker \d+ ended/)
  })
})

describe.skipIf(!isLinux)('active health checks without any descriptor', () => {
  it('say nothing of the endpoints that could not be asked', async () => {
    // Each check needs a connection of its own.
    const backend = createServer((_request, response) => response.writeHead(200, { connection: 'close' }).end())
    await once(backend.listen(0, '127.0.0.1'), 'listening')
    const folder = await routesFolder()
    await folder.write(`listen: [{ port: 0, address: 127.0.0.1 }]
services: { app: { healthCheck: { path: /, interval: 100ms, unhealthyThreshold: 1 } } }
versions: { v1: { app: "http://127.0.0.1:${(backend.address() as AddressInfo).port}" } }
stable: v1
`)
    const serving = await ServingProcess.start(folder.path)
    try {
      const [host, port] = serving.admin.split(':') as [string, string]
      const watch = connect(Number(port), host).setEncoding('utf8')
      let seen = ''
      watch.on('data', (part: string) => (seen += part))
      watch.write(`GET /traffic?window=10 HTTP/1.1\r\nHost: ${serving.admin}\r\nAccept: text/event-stream\r\n\r\n`)
      await expect.poll(() => seen).toMatch(/event: state\ndata: .*"endpointsOut":\[\]/)
      allow(serving.child.pid!, 1)
      await sleep(2500)
      expect(seen).not.toMatch(/"endpointsOut":\["/)
      watch.destroy()
    } finally {
      await serving.kill()
      backend.close()
      await folder.remove()
    }
  })
})

/** Of those that are open none is closed. */
function allow(pid: number, descriptors: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:20000`])
}
