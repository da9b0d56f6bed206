// A few lines that stand where graylane would, so that the demo's own judgement can be tested: it does whatever it is told to,
// crossing included. Never used where graylane itself is meant.

import { createServer, request, type IncomingMessage } from 'node:http'
import { startBroker } from '../../demo/broker.ts'
import { startDevices } from '../../demo/devices.ts'
import { buildPages } from '../../demo/frontend/build.ts'
import { startFrontend } from '../../demo/frontend-server.ts'
import { closeServer, listen, type RunningServer } from '../../demo/listen.ts'
import { startMqttServer } from '../../demo/mqtt-server.ts'
import { readWhose, type Whose } from '../../demo/whose.ts'

/** Which version answers, and which one x-version says. */
export type Choose = (message: IncomingMessage) => { serve: string; say: string }

export interface Versions {
  readonly whose: Whose
  /** A placeholder edge before all three versions; gives its URL. */
  edge(choose: Choose): Promise<string>
  close(): Promise<void>
}

/** All parts of the demo but graylane; server-side calls are answered by the version that x-version or the address tells. */
export async function startVersions(): Promise<Versions> {
  const closers: (() => Promise<unknown>)[] = []
  const pools = new Map<string, RunningServer>()
  const open = async (choose: Choose): Promise<string> => {
    const server = createServer((message, response) => {
      const { serve, say } = choose(message)
      const target = pools.get(`${serve} ${message.url?.startsWith('/api/') === true ? 'mqtt-server' : 'frontend'}`)
      const headers = { ...message.headers, 'x-version': serve }
      request({ host: target?.host, port: target?.port, path: message.url, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'x-version': say })
        answer.pipe(response)
      }).end()
    })
    closers.push(() => {
      server.closeAllConnections()
      return closeServer(server)
    })
    return `http://127.0.0.1:${await listen(server, { part: 'placeholder', host: '127.0.0.1', port: 0 })}/`
  }
  const internalUrl = await open(callerVersion)
  const broker = await startBroker()
  const devices = await startDevices(broker.url)
  const { builds } = await buildPages(['v1', 'v2', 'v3'])
  for (const [index, build] of builds.entries()) {
    const at = { part: build.version, host: `127.0.1.${index + 1}`, port: 0 }
    pools.set(`${build.version} mqtt-server`, await startMqttServer(build.version, at, broker.url))
    pools.set(`${build.version} frontend`, await startFrontend(build, at, internalUrl))
  }
  return {
    whose: await readWhose(builds),
    edge: open,
    async close() {
      for (const closer of closers) await closer()
      for (const pool of pools.values()) await pool.close()
      await devices.close()
      await broker.close()
    },
  }
}

function callerVersion(message: IncomingMessage): { serve: string; say: string } {
  const named = message.headers['x-version']
  const version = typeof named === 'string' ? named : `v${message.socket.remoteAddress?.split('.').at(-1)}`
  return { serve: version, say: version }
}
