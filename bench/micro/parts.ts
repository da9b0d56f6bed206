// The parts of graylane that are timed alone, on the same bytes as the load's: a page with twelve browser headers and a pin.

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { pageKind } from '../../src/affinity/page-kind.ts'
import { createKeyRing } from '../../src/affinity/key-ring.ts'
import { createPinReader, decodePin, encodePin } from '../../src/affinity/pin-cookie.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { FieldBlock, FieldLine } from '../../src/proxy/field-line.ts'
import { FieldNames } from '../../src/proxy/http1/field-names.ts'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import { requestHeadText } from '../../src/proxy/http1/outgoing-head.ts'
import { parseRequest, RequestMessage } from '../../src/proxy/http1/request-head.ts'
import { parseResponse, ResponseMessage } from '../../src/proxy/http1/response-head.ts'
import { HeadFacts } from '../../src/proxy/request-facts.ts'
import { parseAddress } from '../../src/rules/address.ts'
import { decide } from '../../src/rules/decide.ts'
import type { Release } from '../../src/rules/release.ts'
import type { Pin, PinReading } from '../../src/rules/types.ts'
import { routesOf } from '../contenders/graylane.ts'
import { meshParts } from './mesh-parts.ts'
import { observingParts } from './observing.ts'
import type { Part } from './part.ts'
import { browserHeaders } from '../scenarios.ts'

const address = parseAddress('203.0.113.9')!
const keyRing = createKeyRing([randomBytes(32)], randomBytes)

/** Everything is made beforehand; what a call does is the part alone. */
export async function parts(): Promise<readonly Part[]> {
  const few = await releaseWith(0)
  const many = await releaseWith(1000)
  const nowSeconds = Math.floor(Date.now() / 1000)
  const pin: Pin = {
    version: 'v2',
    epoch: few.spec.pin.epoch,
    issuedAt: nowSeconds,
    seed: 'c2VlZC1zZWVkLXNl',
    history: ['v2'],
  }
  const value = encodePin(few.spec.name, pin, keyRing.signing)
  const bytes = requestBytes(`${few.spec.pin.cookie}=${value}`)
  return [
    ...messageParts(bytes),
    ...pinParts(few, pin, value),
    { name: 'decide: 3 rules, a pin that holds', call: deciding(few, bytes, { state: 'held', pin }, nowSeconds) },
    { name: 'decide: 1000 rules more, none hits', call: deciding(many, bytes, { state: 'held', pin }, nowSeconds) },
    ...(await meshParts()),
    ...observingParts(),
  ]
}

function messageParts(bytes: Buffer): readonly Part[] {
  const head = new RequestMessage()
  const parse = (): number => {
    head.reset()
    return parseRequest(head, bytes, defaultLimits)
  }
  const again = new RequestMessage()
  const answer = Buffer.from(
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nX-Served-Version: v2\r\n\r\nhello from v2',
  )
  const response = new ResponseMessage()
  return [
    { name: `parse a request head (${bytes.length} bytes, 12 fields)`, call: parse },
    { name: 'parse it and write the head for the backend', call: () => (parse(), rewritten(head)) },
    {
      name: 'parse it when the request before had the same fields',
      call: () => parseRequest(again, bytes, defaultLimits),
    },
    {
      name: 'parse an answer head (3 fields)',
      call: () => parseResponse(response, answer, 0, answer.length, defaultLimits),
    },
  ]
}

/** What the edge asserts on every request; the same calls as proxied-request.ts makes. */
function rewritten(head: RequestMessage): string {
  head.removeSpellings(versionNames)
  head.removeSpellings(claims)
  head.appendBlock(forwarded)
  head.appendLine(version)
  return requestHeadText(head, { ...forwarding, target: head.target, authority: head.authority }, endpoint)
}

const forwarded = new FieldBlock([
  FieldLine.lasting('x-forwarded-for', '127.0.0.1'),
  FieldLine.lasting('x-forwarded-proto', 'http'),
  FieldLine.lasting('x-forwarded-host', 'shop.example.com'),
  FieldLine.lasting('via', '1.1 graylane-bench'),
])
const version = FieldLine.lasting('x-version', 'v2')
const versionNames = new FieldNames(['x-version'])
const claims = new FieldNames(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'x-real-ip'])
const endpoint = { key: '127.0.0.1:80', address: '127.0.0.1', port: 80 }
const forwarding = {
  timeoutMs: 0,
  retries: null,
  keepBytes: 0,
  endpoint: () => endpoint,
  onEndpointDown: () => undefined,
  onEndpointUp: () => undefined,
  onAnswer: () => undefined,
  onFailure: () => ({ status: 502, fields: [], body: '' }),
  onFinish: () => undefined,
}

function pinParts(release: Release, pin: Pin, value: string): readonly Part[] {
  const reader = createPinReader(release.spec, keyRing)
  const field = `_ga=GA1.2.1234567890.1700000000; ${release.spec.pin.cookie}=${value}; theme=dark`
  return [
    { name: 'verify a pin seen before (remembered)', call: () => reader.read(field, false) },
    { name: 'verify a pin never seen (HMAC-SHA256)', call: () => decodePin(release.spec.name, value, keyRing) },
    { name: 'sign a pin', call: () => encodePin(release.spec.name, pin, keyRing.signing) },
  ]
}

const available = (): boolean => true

/** With the look-ups in the head that deciding causes, but without parsing it. */
function deciding(release: Release, bytes: Buffer, reading: PinReading, nowSeconds: number): () => unknown {
  const head = new RequestMessage()
  parseRequest(head, bytes, defaultLimits)
  const seed = reading.state === 'none' ? '' : reading.pin.seed
  return () => {
    const facts = new HeadFacts(head, 'http', '/', '', 80, address, undefined)
    const kind = pageKind(head)
    const visit = {
      kind,
      reading,
      pageVersion: undefined,
      identity: undefined,
      seed,
      nowSeconds,
      available,
      settling: undefined,
    }
    return decide(release, facts, visit)
  }
}

function requestBytes(pin: string): Buffer {
  const fields = browserHeaders(pin).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET / HTTP/1.1\r\n${fields.join('')}\r\n`)
}

async function releaseWith(rules: number): Promise<Release> {
  const folder = await mkdtemp(join(tmpdir(), 'graylane-micro-'))
  const path = join(folder, 'routes.yaml')
  const setting = { port: 8080, adminPort: 9901, secure: undefined, backends: { v1: 81, v2: 82, v3: 83 }, folder }
  const unsigned = routesOf(setting, { name: '', about: '', rules }).replace(/^pin: .*$/m, 'pin: {}')
  try {
    await writeFile(path, unsigned)
    const loaded = await loadConfiguration(path)
    if (!('configuration' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
    const compiled = compileConfiguration(loaded.configuration)
    if (!('snapshot' in compiled)) throw new Error(compiled.problems.map(({ message }) => message).join('\n'))
    return compiled.snapshot.table.releases[0]!
  } finally {
    await rm(folder, { recursive: true })
  }
}
