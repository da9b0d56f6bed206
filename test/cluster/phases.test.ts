// The two steps of a reload in one process: what all workers take together.

import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadConfiguration } from '../../src/config/load.ts'
import { createGateway, type PhasedGateway, type PreparedReload, type ConfigurationSource } from '../../src/gateway.ts'
import { tryPort } from '../../src/cluster/try-port.ts'
import { routes, routesFolder, type RoutesFolder } from '../cli/routes.ts'

let folder: RoutesFolder
let gateway: PhasedGateway

beforeEach(async () => {
  folder = await routesFolder()
  gateway = await createGateway({ configPath: await folder.write(routes({}, 'accessLog: off')), watch: false })
})
afterEach(async () => {
  await gateway.close()
  await folder.remove()
})

/** Listens on one more port, which is this one. */
function oneMore(port: number): ConfigurationSource {
  const yaml = routes({}, 'accessLog: off').replace('listen:\n', 'listen:\n  - { port: 0, address: 127.0.0.2 }\n')
  const read = (path: string) =>
    Promise.resolve(path === folder.path ? Buffer.from(yaml) : Buffer.from('some other key, of 32 bytes or more'))
  return {
    load: (path) => loadConfiguration(path, { read }),
    ports: new Map([['127.0.0.2-0', port]]),
    learned: new Map(),
  }
}

async function prepared(source: ConfigurationSource): Promise<PreparedReload> {
  const answer = await gateway.prepare(source)
  if (!('commit' in answer)) throw new Error(JSON.stringify(answer.problems))
  return answer
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.2')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

it('binds in the first step, at the port it is given, and shows nothing of it before the second', async () => {
  const port = await tryPort('127.0.0.2', 0)
  const before = gateway.configuration().hash
  const { commit, snapshot } = await prepared(oneMore(port))
  expect(await accepts(port)).toBe(true)
  expect(gateway.configuration().hash).toBe(before)
  commit()
  expect(gateway.configuration().hash.slice(0, 12)).toBe(snapshot)
  expect(gateway.listeners().map((listener) => listener.port)).toContain(port)
})

it('gives back what the first step bound when there is no second', async () => {
  const port = await tryPort('127.0.0.2', 0)
  const before = gateway.configuration().hash
  const { abandon } = await prepared(oneMore(port))
  abandon()
  expect(await accepts(port)).toBe(false)
  expect(gateway.configuration().hash).toBe(before)
  const again = await prepared(oneMore(port))
  again.commit()
  expect(await accepts(port)).toBe(true)
})

it('answers with the problems of a configuration that cannot be used', async () => {
  const read = () => Promise.resolve(Buffer.from('listen: []'))
  const answer = await gateway.prepare({
    load: (path) => loadConfiguration(path, { read }),
    ports: new Map(),
    learned: new Map(),
  })
  expect(answer).toMatchObject({ problems: expect.arrayContaining([expect.objectContaining({ severity: 'error' })]) })
})
