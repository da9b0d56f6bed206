import { describe, expect, test } from 'vitest'
import { compileHosts, findByMeshName, hostProblem, sharedHosts } from '../../src/rules/hosts.ts'

describe('the release of a host', () => {
  const find = compileHosts([
    { hosts: ['*'], value: 'everything' },
    { hosts: ['*.example.com'], value: 'wildcard' },
    { hosts: ['*.B.example.com', 'Exact.example.com'], value: 'narrow' },
    { hosts: ['[::1]'], value: 'six' },
  ])

  test.each([
    ['exact.example.com', 'narrow', 'an exact host comes first'],
    ['EXACT.example.com', 'narrow', 'case does not count'],
    ['exact.example.com:8443', 'narrow', 'the port does not count'],
    ['a.example.com', 'wildcard', 'a wildcard takes what ends so'],
    ['q.z.example.com', 'wildcard', 'a wildcard takes several labels'],
    ['a.b.example.com', 'narrow', 'the longest wildcard comes first'],
    ['b.example.com', 'wildcard', 'a wildcard does not take its bare domain'],
    ['example.com', 'everything', 'a wildcard does not take its bare domain, * does'],
    ['.example.com', 'everything', 'a wildcard takes no empty label'],
    ['exact.example.com.', 'narrow', 'a trailing dot does not count'],
    ['exact.example.com.:80', 'narrow', 'nor in front of a port'],
    ['a.example.com.', 'wildcard', 'nor for a wildcard'],
    ['.', 'everything', 'a dot alone is no host'],
    ['aexample.com', 'everything', 'a wildcard begins at a dot'],
    ['[::1]:8080', 'six', 'IPv6 with a port'],
    ['[::1]', 'six', 'IPv6 without a port'],
    ['', 'everything', 'an empty host'],
  ])('%j is %s: %s', (authority, value) => {
    expect(find(authority)).toBe(value)
  })

  test('may be another with a trailing dot, as for Envoy', () => {
    const strict = compileHosts([{ hosts: ['a.example'], value: 1 }], true)
    expect(strict('a.example')).toBe(1)
    expect(strict('a.example.')).toBeUndefined()
  })

  test('is none where nothing takes it', () => {
    const small = compileHosts([{ hosts: ['a.example', '*.b.example'], value: 1 }])
    expect(small('c.example')).toBeUndefined()
    expect(small('a.example')).toBe(1)
  })
})

describe('hosts that two releases claim', () => {
  test('are those of the same text, case apart', () => {
    const shared = sharedHosts([
      { hosts: ['a.example', '*.b.example'] },
      { hosts: ['A.example'] },
      { hosts: ['*.b.example'] },
    ])
    expect(shared).toEqual([
      { host: 'a.example', first: 0, second: 1 },
      { host: '*.b.example', first: 0, second: 2 },
    ])
  })

  test('are not a wildcard and what it covers: precedence decides', () => {
    expect(sharedHosts([{ hosts: ['*'] }, { hosts: ['*.example.com'] }, { hosts: ['a.example.com'] }])).toEqual([])
  })
})

test.each([
  ['*', undefined],
  ['*.example.com', undefined],
  ['[::1]', undefined],
  ['', 'a host must not be empty'],
  ['a*.example.com', 'host a*.example.com: a wildcard stands in front, as in *.example.com'],
  ['*example.com', 'host *example.com: a wildcard stands in front, as in *.example.com'],
  ['a.example:80', 'host a.example:80: leave the port out, it does not count'],
  ['http://a.example', 'host http://a.example: not a host name'],
])('the host %j is judged: %s', (host, problem) => {
  expect(hostProblem(host)).toBe(problem)
})

describe('a service by its mesh name', () => {
  const services = new Map([
    ['mqtt-server', 'mqtt'],
    ['a.b', 'dotted'],
  ])

  test.each([
    ['mqtt-server', 'mqtt'],
    ['MQTT-server:8000', 'mqtt'],
    ['mqtt-server.shop', 'mqtt'],
    ['mqtt-server.shop.svc', 'mqtt'],
    ['mqtt-server.shop.svc.cluster.local', 'mqtt'],
    ['mqtt-server.shop.svc.cluster.local:8000', 'mqtt'],
    ['a.b', 'dotted'],
    ['a.b.shop', 'dotted'],
    ['a.b.shop.svc.cluster.local', 'dotted'],
    ['mqtt-server.evil.example.com', undefined],
    ['mqtt', undefined],
    ['.shop', undefined],
    ['', undefined],
  ])('%j means %s', (authority, found) => {
    expect(findByMeshName(authority, (name) => services.get(name))).toBe(found)
  })
})
