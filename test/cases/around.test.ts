// What the case table cannot say in a row: what is counted, and where listeners are bound.

import { afterEach, describe, expect, test } from 'vitest'
import type { CaseGroup } from './case.ts'
import { page } from './case.ts'
import { GatewayUnderTest } from './gateway-under-test.ts'

let running: GatewayUnderTest | undefined

afterEach(async () => {
  await running?.close()
  running = undefined
})

function group(listen: string): CaseGroup {
  return {
    title: '',
    config: `
name: shop
listen: ${listen}
services: { frontend: / }
versions:
  v1: { frontend: <frontend v1> }
stable: v1
pin: { keys: [{ file: pin.key }] }
`,
    cases: [],
  }
}

async function start(listen: string): Promise<GatewayUnderTest> {
  running = await GatewayUnderTest.start(group(listen))
  return running
}

describe('4.5 CORS preflights', () => {
  test('are served and not counted', async () => {
    const { gateway, ...rest } = await withGateway('[{ port: 0, address: 127.0.0.1 }]')
    const headers = ['Origin: http://other.test', 'Access-Control-Request-Method: PUT']
    const preflight = await rest.send({ says: '', method: 'OPTIONS', headers, expect: {} })
    expect(preflight.answer.status).toBe(200)
    expect(preflight.record.reason).toBe('preflight')
    expect(await decisions(gateway)).toEqual([])
    await rest.send({ says: '', headers: page, expect: {} })
    expect(await decisions(gateway)).toEqual(['graylane_decisions_total{version="v1",reason="stable"} 1'])
  })
})

describe('listeners', () => {
  test('of the edge bind all addresses, internal ones loopback alone', async () => {
    const { gateway } = await withGateway('[{ port: 0 }, { port: 0, internal: true }]')
    expect(gateway.listeners().map(({ address, internal }) => ({ address, internal }))).toEqual([
      { address: '::', internal: false },
      { address: '127.0.0.1', internal: true },
    ])
  })
})

async function withGateway(listen: string) {
  const started = await start(listen)
  return { gateway: started.gateway, send: started.send.bind(started) }
}

async function decisions(gateway: GatewayUnderTest['gateway']): Promise<readonly string[]> {
  const text = await gateway.metrics.text()
  return text.split('\n').filter((line) => line.startsWith('graylane_decisions_total{'))
}
