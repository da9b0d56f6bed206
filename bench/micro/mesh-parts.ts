// What a decision costs with a thousand VirtualService rules: the virtual host is there, the route is to be found.

import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { loadAnyConfiguration } from '../../src/any-configuration.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import { parseRequest, RequestMessage } from '../../src/proxy/http1/request-head.ts'
import { MeshFacts } from '../../src/proxy/mesh-facts.ts'
import type { AcceptedTarget } from '../../src/proxy/target.ts'
import { parseAddress } from '../../src/rules/address.ts'
import type { VirtualHost } from '../../src/rules/mesh-table.ts'
import { browserHeaders } from '../scenarios.ts'
import type { Part } from './part.ts'

const rules = 1000
const address = parseAddress('203.0.113.9')!

/** The kinds of rules that manifests have most: each a thousand times, and a last one for the rest. */
const kinds: readonly (readonly [what: string, match: (index: number) => string, path: string])[] = [
  ['exact paths', (i) => `uri: {exact: /tenants/${i}/home}`, '/tenants/999/home'],
  ['prefixes', (i) => `uri: {prefix: /tenants/${i}/}`, '/tenants/999/home'],
  ['values of a header', (i) => `headers: {x-tenant: {exact: tenant-${i}}}`, '/'],
  ['prefixes, each with a header', (i) => `uri: {prefix: /api/}, headers: {x-tenant: {exact: tenant-${i}}}`, '/api/x'],
]

export async function meshParts(): Promise<readonly Part[]> {
  const parts: Part[] = []
  for (const [what, match, path] of kinds) {
    const host = await virtualHost(match)
    parts.push({ name: `Istio: ${rules} ${what}, the last one hits`, call: deciding(host, path, 'tenant-999') })
    parts.push({ name: `Istio: ${rules} ${what}, none hits`, call: deciding(host, '/nowhere', 'nobody') })
  }
  return parts
}

/** Facts are made anew each time: what they read of the head is part of the cost. */
function deciding({ firstRoute }: VirtualHost, path: string, tenant: string): () => unknown {
  const head = new RequestMessage()
  const fields = [...browserHeaders('graylane=1'), ['x-tenant', tenant] as const].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: shop.test\r\n${fields.join('')}\r\n`, 'latin1')
  parseRequest(head, bytes, defaultLimits)
  const target: AcceptedTarget = { ok: true, target: path, path, query: '' }
  return () => firstRoute(new MeshFacts(head, target, 'http', 80, address, false))?.index
}

async function virtualHost(match: (index: number) => string): Promise<VirtualHost> {
  const directory = await mkdtemp(join(tmpdir(), 'graylane-micro-'))
  const path = join(directory, 'manifests.yaml')
  try {
    await writeFile(path, manifests(match))
    const loaded = await loadAnyConfiguration(path)
    if (!('configuration' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
    const compiled = compileConfiguration(loaded.configuration)
    if (!('snapshot' in compiled)) throw new Error(compiled.problems.map(({ message }) => message).join('\n'))
    const [listener] = compiled.snapshot.mesh!.listeners.values()
    return listener!.virtualHostFor('shop.test')!
  } finally {
    await rm(directory, { recursive: true })
  }
}

function manifests(match: (index: number) => string): string {
  const route = '{destination: {host: web}}'
  const list = Array.from({ length: rules }, (_, i) => `  - {match: [{${match(i)}}], route: [${route}]}`)
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop.test]
  gateways: [edge]
  http:
${list.join('\n')}
`
}
