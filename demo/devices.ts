// The thirty devices of the story, simulated: wsytest001 to wsytest030, each with its own MQTT connection.
// A device says that it is there (retained, with a last will) and sends a reading now and then.

import { connectAsync, type MqttClient } from 'mqtt'

export interface Devices {
  readonly names: readonly string[]
  close(): Promise<void>
}

const intervalMs = 1000

/** Version vN of mqtt-server looks after ten of them: v1 001 to 010, v2 011 to 020, v3 021 to 030. */
export function devicesOf(version: string): string[] {
  const first = (Number(version.slice(1)) - 1) * 10 + 1
  return Array.from({ length: 10 }, (_, index) => deviceName(first + index))
}

/** Connects them all. Throws when the broker does not take one. */
export async function startDevices(brokerUrl: string): Promise<Devices> {
  const names = Array.from({ length: 30 }, (_, index) => deviceName(index + 1))
  const clients = await Promise.all(names.map((name) => connectDevice(brokerUrl, name)))
  const timers = clients.map((client, index) =>
    setInterval(() => sendReading(client, names[index] ?? ''), intervalMs + index * 7),
  )
  return {
    names,
    async close() {
      timers.forEach(clearInterval)
      await Promise.all(clients.map((client) => client.endAsync(true)))
    },
  }
}

async function connectDevice(brokerUrl: string, name: string): Promise<MqttClient> {
  const status = `devices/${name}/status`
  const client = await connectAsync(brokerUrl, {
    clientId: name,
    will: { topic: status, payload: Buffer.from('offline'), qos: 1, retain: true },
  })
  client.on('error', () => undefined)
  await client.publishAsync(status, 'online', { qos: 1, retain: true })
  return client
}

function sendReading(client: MqttClient, name: string): void {
  client.publish(`devices/${name}/reading`, JSON.stringify({ celsius: 20 + Math.round(Math.random() * 50) / 10 }))
}

function deviceName(number: number): string {
  return `wsytest${String(number).padStart(3, '0')}`
}
