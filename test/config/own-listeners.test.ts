// Pools that lead back to the gateway are told before a request goes round; what the file cannot know is not guessed at.

import { describe, expect, it } from 'vitest'

import { loadConfiguration } from '../../src/config/load.ts'

async function loops(listen: string, pool: string, services = '{ app: }', anyAddress = '::') {
  const text = `listen: [${listen}]\nservices: ${services}\nversions:\n  v1: ${pool}\nstable: v1\n`
  const { problems } = await loadConfiguration('routes.yaml', {
    env: {},
    anyAddress,
    read: async () => Buffer.from(text),
  })
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  return problems.filter(({ code }) => code === 'loop').map(({ line, column }) => `${line}:${column}`)
}

describe('a pool that is a listener of its own configuration', () => {
  it.each([
    ['at its very address', '{ port: 8080, address: 10.0.0.1 }', '{ app: "http://10.0.0.1:8080" }'],
    ['on all addresses, at one of loopback', '{ port: 8080 }', '{ app: "http://127.0.1.1:8080" }'],
    ['on all addresses, at IPv6 loopback', '{ port: 8080 }', '{ app: "http://[::1]:8080" }'],
    ['on all IPv4 addresses', '{ port: 8080, address: 0.0.0.0 }', '{ app: "http://127.0.0.9:8080" }'],
    ['by the name of loopback', '{ port: 8080, address: "::1" }', '{ app: "http://localhost:8080" }'],
    ['mapped into IPv6', '{ port: 8080 }', '{ app: "http://[::ffff:127.0.0.1]:8080" }'],
    ['for services to each other', '{ port: 15001, internal: true }', '{ app: "http://127.0.0.1:15001" }'],
    ['the second of two', '{ port: 80 }, { port: 8080 }', '{ app: "http://127.0.0.1:8080" }'],
  ])('is warned of where it is written: %s', async (_how, listen, pool) => {
    expect(await loops(listen, pool)).toEqual(['4:14'])
  })

  it('is warned of at the url of its service, where versions list none', async () => {
    expect(await loops('{ port: 80 }', '', '{ app: { url: "http://127.0.0.1" } }')).toEqual(['2:25'])
  })

  it.each([
    ['another port', '{ port: 8080 }', '{ app: "http://127.0.0.1:8081" }'],
    ['another address of loopback', '{ port: 8080, address: 127.0.0.1 }', '{ app: "http://127.0.1.1:8080" }'],
    ['an address that may be of another machine', '{ port: 8080 }', '{ app: "http://10.0.0.1:8080" }'],
    ['a name', '{ port: 8080 }', '{ app: "http://app:8080" }'],
    ['IPv6 beside a listener on all of IPv4', '{ port: 8080, address: 0.0.0.0 }', '{ app: "http://[::1]:8080" }'],
    ['a port that the kernel chooses', '{ port: 0, address: 127.0.0.1 }', '{ app: "http://127.0.0.1:8080" }'],
  ])('is not seen in %s', async (_what, listen, pool) => {
    expect(await loops(listen, pool)).toEqual([])
  })
})
