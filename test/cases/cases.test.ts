// Runs the case table: each row is one request over a real socket through a real gateway to real backends.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answers } from './answer.ts'
import { caching } from './caching.ts'
import type { Case, CaseGroup, Expectation } from './case.ts'
import { clientAddress } from './client-address.ts'
import { domain } from './domain.ts'
import { document } from './document.ts'
import { frames } from './frame.ts'
import { GatewayUnderTest, isUpgrade, readPin, type Result } from './gateway-under-test.ts'
import { health } from './health.ts'
import { identities } from './identity.ts'
import { internalCalls } from './internal.ts'
import { liveAssets } from './live-assets.ts'
import { pageKind } from './page-kind.ts'
import { pageStamp } from './page-stamp.ts'
import { pin } from './pin.ts'
import { service } from './service.ts'
import { shareCases } from './share.ts'
import { strip } from './strip.ts'
import { subresource } from './subresource.ts'

const groups: readonly CaseGroup[] = [
  ...clientAddress,
  ...strip,
  ...pageKind,
  ...frames,
  ...pin,
  ...subresource,
  ...document,
  ...shareCases,
  ...health,
  ...service,
  ...answers,
  ...caching,
  ...liveAssets,
  ...domain,
  ...pageStamp,
  ...identities,
  ...internalCalls,
]

describe.each(groups)('$title', (group) => {
  let gateway: GatewayUnderTest

  beforeAll(async () => {
    gateway = await GatewayUnderTest.start(group)
  })
  afterAll(() => gateway?.close())

  test.each(group.cases)('$says', async (row) => {
    if (row.afterMs !== undefined) await sleep(row.afterMs)
    if (row.starts !== undefined) await gateway.startBackend(row.starts)
    expectAsSaid(await sendUntilDue(gateway, row), row, group)
    // Of fields that come again over a connection, less is worked out anew (last-visit.ts): nobody may notice.
    if (isUpgrade(row)) return
    const again = await gateway.sendRepeatedly(row, 4)
    for (const result of again) expectAsSaid(result, row, group)
  })
})

function expectAsSaid(result: Result, row: Case, group: CaseGroup): void {
  expect(summary(result, row.expect)).toEqual(expectedSummary(row.expect))
  for (const part of row.expect.body ?? []) expect(result.answer.body).toContain(part)
  expectInvariants(result, versionHeaderOf(group), pinNameOf(group))
}

async function sendUntilDue(gateway: GatewayUnderTest, row: Case): Promise<Result> {
  for (const end = Date.now() + 10_000; ; await sleep(100)) {
    const result = await gateway.send(row)
    const isDue = result.record.version === row.expect.version && result.record.reason === row.expect.reason
    if (row.eventually !== true || isDue || Date.now() > end) return result
  }
}

/** As much of what came as the row says something about, so that a failure shows both sides at a glance. */
function summary({ answer, echo, record }: Result, said: Expectation): Record<string, unknown> {
  const cookie = pinCookieOf(answer.fields)
  const seen: Record<string, unknown> = {
    status: answer.status,
    version: record.version,
    by: echo === undefined ? null : `${echo.service} ${echo.version}`,
    reason: record.reason,
    rule: record.rule,
    document: record.document,
    pinIn: record.pinIn,
    pin: cookie === undefined ? record.pinOut : { ...readPin(cookie.value), issuedAt: undefined },
    setCookie: cookie?.line,
    client: record.clientAddress,
    upstream: pick(echo?.fields ?? [], said.upstream),
    answer: pick(answer.fields, said.answer),
    url: echo?.url,
    code: record.edgeCode,
    attempts: record.attempts,
  }
  if (typeof said.pin === 'object') seen['pin'] = only(seen['pin'] as Record<string, unknown>, said.pin)
  return only(seen, { status: 0, ...said, body: undefined })
}

function expectedSummary(said: Expectation): Record<string, unknown> {
  const { body: _, ...rest } = said
  return { status: 200, ...rest }
}

/** What holds for every row, said or not. */
function expectInvariants({ answer, echo, record }: Result, versionHeader: string, pinName: string): void {
  expect(record.status, 'the record tells the status').toBe(answer.status)
  const cookie = pinCookieOf(answer.fields)
  expect(cookie !== undefined, 'a Set-Cookie comes exactly when the record says so').toBe(record.pinOut === 'set')
  if (cookie !== undefined)
    expect(readPin(cookie.value)?.version, 'the pin is for the decided version').toBe(record.version)
  if (echo === undefined) return
  expect(record.poolVersion, 'the pool that was chosen answered').toBe(echo.version.replace('-twin', ''))
  expect(pick(answer.fields, { [versionHeader]: '' }), 'the answer names the version').toEqual({
    [versionHeader]: record.version,
  })
  const spellings = echo.fields.filter(([name]) => name.toLowerCase().replaceAll(/[._]/g, '-') === versionHeader)
  expect(spellings, 'the backend sees one spelling of the version').toEqual([[versionHeader, record.version]])
  if (record.internal) return
  const cookies = echo.fields.filter(([name]) => name.toLowerCase() === 'cookie').map(([, value]) => value)
  const names = cookies.flatMap((field) => field.split(';')).map((pair) => pair.split('=')[0]?.trim())
  expect(names, 'no pin reaches the backend').not.toContain(pinName)
  expect(names, 'no pin reaches the backend').not.toContain(`__Host-${pinName}`)
}

function versionHeaderOf(group: CaseGroup): string {
  return /^pin:.*, header: ([\w-]+)/m.exec(group.config)?.[1] ?? 'x-version'
}

function pinNameOf(group: CaseGroup): string {
  return /^pin:.*, cookie: ([\w-]+)/m.exec(group.config)?.[1] ?? 'graylane'
}

function pinCookieOf(
  fields: Result['answer']['fields'],
): { readonly line: string; readonly value: string } | undefined {
  for (const [name, line] of fields) {
    const value = name === 'set-cookie' ? /^(?:__Host-)?(?:graylane|lane)=([^;]+)/.exec(line)?.[1] : undefined
    if (value !== undefined) return { line: line.replace(value, 'VALUE'), value }
  }
  return undefined
}

/** Each named field, lines joined, null where there is none. */
function pick(
  fields: Result['answer']['fields'],
  named: Readonly<Record<string, unknown>> | undefined,
): Record<string, string | null> {
  const picked: Record<string, string | null> = {}
  for (const wanted of Object.keys(named ?? {})) {
    const lines = fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
    picked[wanted] = lines.length === 0 ? null : lines.map(unsigned).join(', ')
  }
  return picked
}

/** A pin's line has another value each time, and is told by `setCookie`. */
function unsigned(line: string): string {
  return /^(?:__Host-)?graylane=1\./.test(line) ? 'SIGNED' : line
}

function only(seen: Record<string, unknown>, said: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(said)
      .filter((key) => key in seen)
      .map((key) => [key, seen[key]]),
  )
}
