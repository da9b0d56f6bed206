// Service-to-service. The service by Host, the version from the caller.

import type { Case, CaseGroup } from './case.ts'
import { page } from './case.ts'

const config = `
name: shop
listen:
  - { port: 0, address: 127.0.0.1 }
  - { port: 0, internal: true, address: 127.0.0.2, from: [127.0.0.0/8] }
  - { port: 0, internal: true, address: 127.0.0.3, from: [127.0.0.0/8], sourceLabels: { version: v2 } }
  - { port: 0, internal: true, address: 127.0.0.4, from: [127.0.5.0/24] }
services:
  mqtt-server: /api/
  frontend: {}
versions:
  v1: { frontend: <frontend v1 @127.0.1.1>, mqtt-server: <mqtt-server v1 @127.0.1.1> }
  v2: { frontend: <frontend v2 @127.0.1.2>, mqtt-server: <mqtt-server v2 @127.0.1.2> }
  v3: { frontend: <frontend v3 @127.0.1.3>, base: v2 }
  v4: { frontend: <frontend v4 @127.0.1.2>, mqtt-server: <mqtt-server v4 @127.0.1.4> }
stable: v1
gray:
  - { name: office, version: v2, ip: [127.0.0.58] }
pin: { keys: [{ file: pin.key }] }
`

const internal = 1
const labelled = 2
const restricted = 3

function byHost(says: string, host: string, by: string): Case {
  return { says, to: internal, host, path: '/orders', expect: { version: 'v1', by, reason: 'default' } }
}

const hosts: readonly Case[] = [
  byHost('is found by its short name', 'mqtt-server', 'mqtt-server v1'),
  byHost('is found by another short name, whatever the path', 'frontend', 'frontend v1'),
  byHost('is found by its name in a namespace', 'mqtt-server.default', 'mqtt-server v1'),
  byHost('is found by its FQDN', 'mqtt-server.default.svc.cluster.local', 'mqtt-server v1'),
  byHost('is found whatever the port', 'mqtt-server:8000', 'mqtt-server v1'),
  byHost('is found whatever the case', 'MQTT-Server.default.svc.cluster.local:8000', 'mqtt-server v1'),
  {
    says: 'is not found under a name that is none',
    to: internal,
    host: 'orders',
    path: '/api/',
    expect: { status: 404, by: null, reason: '' },
  },
  {
    says: 'is not guessed from the start of a name',
    to: internal,
    host: 'mqtt-server2',
    expect: { status: 404, by: null },
  },
]

function called(
  says: string,
  to: number,
  from: string,
  headers: readonly string[],
  version: string,
  reason: Case['expect']['reason'],
  by = `mqtt-server ${version}`,
): Case {
  return {
    says,
    to,
    from,
    host: 'mqtt-server',
    headers,
    expect: {
      version,
      by,
      ...(reason === undefined ? {} : { reason }),
      pin: 'none',
      upstream: { 'x-version': version },
    },
  }
}

const twice = ['x-version: v2, v2', 'x-version: v2']

const versions: readonly Case[] = [
  called("is the listener's fixed label", labelled, '127.0.0.9', [], 'v2', 'source-labels'),
  called(
    "is the listener's fixed label before x-version",
    labelled,
    '127.0.1.1',
    ['x-version: v1'],
    'v2',
    'source-labels',
  ),
  called('is x-version where no label is fixed', internal, '127.0.0.9', ['x-version: v2'], 'v2', 'asked'),
  called('is x-version before the source address', internal, '127.0.1.1', ['x-version: v2'], 'v2', 'asked'),
  called('is x-version said twice, or joined by somebody between', internal, '127.0.1.4', twice, 'v2', 'asked'),
  {
    says: 'is no guess where x-version says two: neither answers',
    to: internal,
    from: '127.0.0.9',
    host: 'mqtt-server',
    headers: ['x-version: v2', 'x-version: v1'],
    expect: { status: 400, by: null, code: 'EDGE_BAD_REQUEST' },
  },
  called(
    'is the fixed label all the same',
    labelled,
    '127.0.0.9',
    ['x-version: v3', 'x-version: v1'],
    'v2',
    'source-labels',
  ),
  called('is not an x-version that is not listed', internal, '127.0.0.9', ['x-version: v9'], 'v1', 'default'),
  called(
    'is what the source address says under an x-version that is not listed',
    internal,
    '127.0.1.4',
    ['x-version: v9'],
    'v4',
    'source-address',
  ),
  called("is that of the caller's address", internal, '127.0.1.4', [], 'v4', 'source-address'),
  called('is stable for an address that several versions own', internal, '127.0.1.2', [], 'v1', 'default'),
  called('is stable for an address that nobody owns', internal, '127.0.0.9', [], 'v1', 'default'),
  called(
    "is served by the base's pool where it owns none",
    internal,
    '127.0.1.3',
    [],
    'v3',
    'source-address',
    'mqtt-server v2',
  ),
  called('is not changed by gray rules', internal, '127.0.0.58', page, 'v1', 'default'),
]

const around: readonly Case[] = [
  {
    says: 'a pin neither counts nor is written',
    to: internal,
    from: '127.0.0.9',
    host: 'frontend',
    headers: page,
    pins: [{ pin: 'v2' }],
    expect: { version: 'v1', reason: 'default', pin: 'none' },
  },
  {
    says: 'an address that `from` does not name is refused',
    to: restricted,
    from: '127.0.0.9',
    host: 'frontend',
    headers: ['x-version: v2'],
    expect: { status: 403, by: null, reason: '', code: 'EDGE_FORBIDDEN' },
  },
  {
    says: 'an address that `from` names may choose',
    to: restricted,
    from: '127.0.5.9',
    host: 'frontend',
    headers: ['x-version: v2'],
    expect: { version: 'v2', reason: 'asked' },
  },
]

export const internalCalls: readonly CaseGroup[] = [
  { title: 'service to service: the service', config, cases: hosts },
  { title: "service to service: the caller's version", config, cases: versions },
  { title: 'service to service: around it', config, cases: around },
]
