// Listeners that come, go and cannot be had, at a gateway of one process and of several.

import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { ClusterUnderTest } from '../cluster/cluster-process.ts'

/** Holds a port of 127.0.0.9, which nobody else asks for there. */
async function heldPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.9')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

describe.each(['1', '2'])('with --workers %s', (workers) => {
  const start = (): Promise<ClusterUnderTest> => ClusterUnderTest.start('', ['--workers', workers])

  it('one port at two addresses is two listeners: either goes alone, and both end with the gateway', async () => {
    await using cluster = await start()
    const [, port] = cluster.serving.listener.split(':')
    const listening = async (...addresses: string[]): Promise<readonly string[]> => {
      const list = addresses.map((address) => `{ port: ${port}, address: ${address} }`)
      await cluster.folder.write(cluster.yaml().replace(/^listen:.*$/m, `listen: [${list.join(', ')}]`))
      expect(await cluster.reload()).toMatchObject({ ok: true })
      return answering(cluster, Number(port))
    }
    // The port that the kernel chose stays free for us: it is asked for at other addresses.
    expect(await listening('127.0.0.2', '127.0.0.3')).toEqual(['127.0.0.2', '127.0.0.3'])
    expect(await listening('127.0.0.3')).toEqual(['127.0.0.3'])
    expect(await listening('127.0.0.2', '127.0.0.3')).toEqual(['127.0.0.2', '127.0.0.3'])
    expect(await listening('127.0.0.2')).toEqual(['127.0.0.2'])
    expect(await listening('127.0.0.2', '127.0.0.3')).toEqual(['127.0.0.2', '127.0.0.3'])
    cluster.serving.child.kill('SIGTERM')
    expect(await cluster.serving.ended()).toBe(0)
  })

  it('a port that a reload makes internal is told to be', async () => {
    await using cluster = await start()
    await cluster.folder.write(cluster.yaml().replace(/^listen:.*$/m, 'listen: [{ port: 0, internal: true }]'))
    expect(await cluster.reload()).toMatchObject({ ok: true })
    const [, port] = cluster.serving.listener.split(':')
    const { body } = await cluster.admin('/readyz?verbose')
    expect(JSON.parse(body)).toMatchObject({ listeners: [{ port: Number(port), internal: true, secure: false }] })
  })

  it('a port that is taken is told at its line, and so is one that moves to an address inside its own', async () => {
    await using cluster = await start()
    const { server, port } = await heldPort()
    const withListener = (line: string): string => cluster.yaml().replace('listen: [', `listen: [\n  ${line},\n  `)
    await cluster.folder.write(withListener(`{ port: ${port}, address: 127.0.0.9 }`))
    expect(await cluster.reload()).toMatchObject({
      ok: false,
      problems: [{ line: 3, column: 3, message: `port ${port} on 127.0.0.9 is taken by another process` }],
    })
    server.close()
    await once(server, 'close')
    expect(await cluster.reload()).toMatchObject({ ok: true })
    const other = createServer().listen(port, '127.0.0.8')
    await once(other, 'listening')
    await cluster.folder.write(withListener(`{ port: ${port}, address: 127.0.0.8 }`))
    expect(await cluster.reload()).toMatchObject({
      problems: [{ line: 3, message: `port ${port} on 127.0.0.8 is taken by another process` }],
    })
    other.close()
    await once(other, 'close')
    await cluster.folder.write(withListener(`{ port: ${port}, address: 0.0.0.0 }`))
    expect(await cluster.reload()).toMatchObject({
      ok: false,
      problems: [{ line: 3, message: expect.stringMatching(/^port \d+ is bound by this gateway at another address/) }],
    })
  })
})

/** Those of a few addresses where the gateway answers on that port. */
async function answering(cluster: ClusterUnderTest, port: number): Promise<readonly string[]> {
  const found: string[] = []
  for (const address of ['127.0.0.2', '127.0.0.3']) {
    const status = await cluster.at(`${address}:${port}`).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) found.push(address)
  }
  return found
}
