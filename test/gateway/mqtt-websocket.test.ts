// MQTT over WebSocket through the gateway to a real Mosquitto: what the story's devices and pages speak.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import type { RequestRecord } from '../../src/observe/record.ts'

const mosquitto = findMosquitto()
if (mosquitto === undefined && process.env['CI'] !== undefined)
  throw new Error('mosquitto is missing: CI has to install it')

describe.skipIf(mosquitto === undefined)('MQTT over WebSocket to Mosquitto (skipped without mosquitto)', () => {
  let directory: string
  let broker: ChildProcess
  let brokerPort: number
  let plainPort: number
  let gateway: Gateway
  let edgePort: number
  const records: RequestRecord[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'graylane-mqtt-'))
    brokerPort = await freePort()
    plainPort = await freePort()
    await writeFile(
      join(directory, 'mosquitto.conf'),
      // Mosquitto 2.0.11 ends at once when WebSocket listeners are the only ones.
      `allow_anonymous true\nlistener ${plainPort} 127.0.0.1\nlistener ${brokerPort} 127.0.0.1\nprotocol websockets\n`,
    )
    broker = spawn(mosquitto as string, ['-c', join(directory, 'mosquitto.conf')], { stdio: 'ignore' })
    await untilListening(brokerPort)
    const configPath = join(directory, 'routes.yaml')
    await writeFile(
      configPath,
      `listen: [{ port: 0, address: 127.0.0.1 }]
services: { broker: /mqtt }
versions: { v1: { broker: "http://127.0.0.1:${brokerPort}" } }
stable: v1
accessLog: off
`,
    )
    gateway = await createGateway({ configPath, observers: [(record) => records.push({ ...record })] })
    edgePort = gateway.listeners()[0]!.port
  })

  afterAll(async () => {
    await gateway?.close()
    broker?.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  })

  function client(): Promise<MqttClient> {
    return connectAsync(`ws://127.0.0.1:${edgePort}/mqtt`, { protocolVersion: 4, reconnectPeriod: 0 })
  }

  /** Resolves with the first message of the topic. */
  function received(subscriber: MqttClient, topic: string): Promise<Buffer> {
    return new Promise((resolve) => subscriber.on('message', (name, payload) => name === topic && resolve(payload)))
  }

  it('takes a message of QoS 1 round', async () => {
    const [subscriber, publisher] = await Promise.all([client(), client()])
    await subscriber.subscribeAsync('devices/wsytest001', { qos: 1 })
    const message = received(subscriber, 'devices/wsytest001')
    await publisher.publishAsync('devices/wsytest001', 'online', { qos: 1 })
    expect((await message).toString()).toBe('online')
    await Promise.all([subscriber.endAsync(), publisher.endAsync()])
  })

  it('takes a payload of 16 MiB through whole', async () => {
    const payload = randomBytes(16 * 1024 * 1024)
    const publisher = await client()
    // Mosquitto 2.0.11 needs seconds to write 60 kB into a WebSocket, gateway or not: large answers come out at its plain port.
    const subscriber = await connectAsync(`mqtt://127.0.0.1:${plainPort}`, { reconnectPeriod: 0 })
    await subscriber.subscribeAsync('large', { qos: 1 })
    const message = received(subscriber, 'large')
    await publisher.publishAsync('large', payload, { qos: 1 })
    expect(digest(await message)).toBe(digest(payload))
    await Promise.all([subscriber.endAsync(), publisher.endAsync()])
  })

  it('takes an answer of many frames back whole', async () => {
    const payload = randomBytes(40_000)
    const subscriber = await client()
    const publisher = await connectAsync(`mqtt://127.0.0.1:${plainPort}`, { reconnectPeriod: 0 })
    await subscriber.subscribeAsync('many', { qos: 1 })
    const message = received(subscriber, 'many')
    await publisher.publishAsync('many', payload, { qos: 1 })
    expect(digest(await message)).toBe(digest(payload))
    await Promise.all([subscriber.endAsync(), publisher.endAsync()])
  })

  it('ends at the broker when the client leaves, and at the client when the broker does', async () => {
    const leaving = await client()
    await leaving.endAsync(true)
    const staying = await client()
    const closed = new Promise<void>((resolve) => staying.once('close', () => resolve()))
    const before = records.length
    staying.on('error', () => {})
    broker.kill('SIGKILL')
    await closed
    await expect.poll(() => records.slice(before).map((record) => record.status)).toContain(101)
    expect(records.every((record) => record.reason === 'stable' && record.version === 'v1')).toBe(true)
  })
})

function findMosquitto(): string | undefined {
  for (const path of [
    '/usr/sbin/mosquitto',
    '/usr/bin/mosquitto',
    '/usr/local/sbin/mosquitto',
    '/opt/homebrew/sbin/mosquitto',
  ]) {
    try {
      execFileSync(path, ['-h'], { stdio: 'ignore' })
    } catch (error) {
      // `-h` ends with 3 where it exists.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
    }
    return path
  }
  return undefined
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connectSocket(port, '127.0.0.1')
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await sleep(50)
  }
  throw new Error(`nothing listens on ${port}`)
}
