// The story's backend: knows its ten devices over MQTT and tells their names over HTTP.
// Answers with the version it is (x-served-version) and never looks at the version it was asked for.

import { fastify, type FastifyInstance } from 'fastify'
import { connectAsync, type MqttClient } from 'mqtt'
import { propagateVersion } from '../src/propagate/propagate.ts'
import { devicesOf } from './devices.ts'
import { serve, type RunningServer, type PartAddress } from './listen.ts'

/**
 * Subscribes to the devices of that version, waits until each of them was heard, then listens.
 * Throws an Error that names the address when it is taken.
 */
export async function startMqttServer(version: string, at: PartAddress, brokerUrl: string): Promise<RunningServer> {
  const client = await connectAsync(brokerUrl, { clientId: `mqtt-server-${version}` })
  try {
    const online = await listenToDevices(client, devicesOf(version))
    const server = await serve(deviceApi(version, online), at)
    return {
      ...server,
      async close() {
        await server.close()
        await client.endAsync(true)
      },
    }
  } catch (error) {
    await client.endAsync(true)
    throw error
  }
}

/** The names of the devices that are there, last heard first. Resolves when every one of them was heard. */
async function listenToDevices(client: MqttClient, names: readonly string[]): Promise<ReadonlySet<string>> {
  const online = new Set<string>()
  const { promise, resolve } = Promise.withResolvers<void>()
  client.on('error', () => undefined)
  client.on('message', (topic, payload) => {
    const [, name = ''] = topic.split('/')
    online.delete(name)
    if (payload.toString() !== 'offline') online.add(name)
    if (online.size === names.length) resolve()
  })
  await client.subscribeAsync(names.map((name) => `devices/${name}/#`))
  await promise
  return online
}

function deviceApi(version: string, online: ReadonlySet<string>): FastifyInstance {
  const server = fastify({ forceCloseConnections: true })
  void server.register(propagateVersion({ served: version }).fastify)
  server.get('/api/devices', (_request, reply) => {
    reply.header('cache-control', 'no-store').send({ message: [...online].toReversed() })
  })
  return server
}
