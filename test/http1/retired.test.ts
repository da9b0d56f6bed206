// An endpoint that leaves the configuration and comes back while a request to it is under way.

import { expect, it } from 'vitest'
import { endpointOf } from './plain-proxy.ts'
import { play, set } from './stage-of-test.ts'
import { ok, until } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

it('a request of a retired pool that connects anew leaves the new pool of its endpoint alone', async () => {
  let isRetired = false
  let isServed = false
  await play(async (line, connection) => {
    await line.message()
    if (connection === 1) await until(() => isServed)
    line.write(ok(`connection ${connection}`))
    if (connection !== 0) return
    await until(() => isRetired)
    line.socket.destroy()
  })
  const { upstreams } = set.proxy
  const { key } = endpointOf(set.upstream.port)

  const first = set.client().write(get)
  expect((await first.message()).body).toBe('connection 0')
  first.write(get)
  await until(() => upstreams.inFlight(key) === 1)
  upstreams.retire(key)
  isRetired = true
  // It is sent again, in the pool that was dropped when its last connection had gone.
  await until(() => set.upstream.lines.length === 2)
  expect((await set.client().write(get).message()).body).toBe('connection 2')
  isServed = true
  expect((await first.message()).body).toBe('connection 1')

  await until(() => set.upstream.open() === 1)
  expect(upstreams.connections(key)).toBe(1)
  upstreams.retire(key)
  await until(() => set.upstream.open() === 0)
})
