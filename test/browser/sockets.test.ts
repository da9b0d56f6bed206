// What a page sees of its open sockets when its version stops drawing visitors: a due end, after which it comes back to its own version.

import { expect, it } from 'vitest'
import { describeWithPages, openIn, partsOf, type Routes, whole } from './page-stage.ts'

const services = { site: { onSwitch: { closeWithin: '300ms' } } }
const promoted: Routes = { services, stable: 'v2', draining: ['v1'] }

describeWithPages('sockets at a switch', (stage) => {
  it('a WebSocket closes cleanly with 1012, an event stream comes back by itself, and both stay of the version of the page', async () => {
    await stage.change({ services })
    const old = await stage.open(`${stage.url('https')}/?stamp`)
    await old.page.evaluate(`(async () => {
      const socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket')
      await new Promise((done) => (socket.onmessage = done))
      socket.onclose = ({ code, wasClean }) => (globalThis.ending = { code, wasClean })
      globalThis.events = []
      const source = new EventSource('/events')
      source.onmessage = ({ data }) => events.push(data)
      await new Promise((done) => source.addEventListener('message', done, { once: true }))
    })()`)

    await stage.change(promoted)
    await openIn(await old.page.context().newPage(), `${stage.url('https')}/?stamp`)
    await expect
      .poll(() => old.page.evaluate('globalThis.ending'), { timeout: 10_000 })
      .toEqual({ code: 1012, wasClean: true })
    await expect.poll(() => old.page.evaluate('events'), { timeout: 15_000 }).toEqual(['v1', 'v1'])
    expect(await partsOf(old.page)).toEqual(whole('v1'))
    expect(old.errors).toEqual([])
  })
})
