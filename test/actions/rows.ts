// Rows of the tables in this folder: one configuration, one request, what has to come of it. Run over real sockets by a real gateway.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Case } from '../cases/case.ts'
import { GatewayUnderTest, type Result } from '../cases/gateway-under-test.ts'

export interface Row extends Omit<Case, 'expect'> {
  readonly status?: number
  /** Fields that the backend saw; null for none. Several lines are joined by `, `. */
  readonly upstream?: Readonly<Record<string, string | null>>
  readonly answer?: Readonly<Record<string, string | null>>
  /** Target that the backend saw; null when none saw the request. */
  readonly url?: string | null
  readonly body?: string
  readonly bodyOut?: string
  readonly code?: string
  readonly flags?: string
  readonly attempts?: number
  /** `service version` of the backend that answered. */
  readonly by?: string
  readonly atLeastMs?: number
}

/** @param services the text of `services`, below which v1 and v2 have a frontend and an api each */
export function describeRows(title: string, services: string, rows: readonly Row[]): void {
  describe(title, () => {
    let gateway: GatewayUnderTest

    beforeAll(async () => {
      gateway = await GatewayUnderTest.start({ title, config: configuration(services), cases: [] })
    })
    afterAll(() => gateway?.close())

    test.each(rows)('$says', async (row) => {
      const from = performance.now()
      const result = await gateway.send({ ...row, expect: {} })
      expect(seen(result, row)).toEqual(wanted(row))
      if (row.atLeastMs !== undefined) expect(performance.now() - from).toBeGreaterThanOrEqual(row.atLeastMs)
    })
  })
}

function configuration(services: string): string {
  return `
name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
accessLog: off
services:
${services.replace(/^\n/, '').trimEnd()}
versions:
  v1: { frontend: <frontend v1>, api: <api v1> }
  v2: { frontend: <frontend v2>, api: <api v2> }
stable: v1
gray: [{ version: v2, match: [{ headers: { x-gray: { exact: v2 } } }] }]
pin: { keys: [{ file: pin.key }] }
`
}

/** As much of what came as the row says something about. */
function seen({ answer, echo, record }: Result, row: Row): Row {
  const { upstream, answer: fields, ...rest } = row
  const all: Record<string, unknown> = {
    status: answer.status,
    url: echo?.url ?? null,
    bodyOut: answer.body,
    code: record.edgeCode,
    flags: record.flags,
    attempts: record.attempts,
    by: echo && `${echo.service} ${echo.version}`,
  }
  return {
    ...rest,
    ...Object.fromEntries(Object.entries(all).filter(([name]) => name === 'status' || name in row)),
    ...(upstream && { upstream: pick(upstream, echo?.fields ?? []) }),
    ...(fields && { answer: pick(fields, answer.fields) }),
  } as Row
}

function wanted(row: Row): Row {
  return { ...row, status: row.status ?? 200 }
}

function pick(
  named: Readonly<Record<string, string | null>>,
  fields: readonly (readonly [name: string, value: string])[],
): Record<string, string | null> {
  return Object.fromEntries(
    Object.keys(named).map((name) => {
      // The pin is no matter of these tables.
      const lines = fields
        .filter((field) => field[0].toLowerCase() === name && !field[1].startsWith('graylane='))
        .map((field) => field[1])
      return [name, lines.length === 0 ? null : lines.join(', ')]
    }),
  )
}
