// The two ways to ask /explain, by query or by JSON, and their common form. Strict: unknown names are refused.

import { isIP } from 'node:net'

import type { AdminView, ExplainInput } from './view.ts'

const aboutPort = 'Of the listener that takes it, an internal one too; default: the first edge listener.'
const ip = { type: 'string', maxLength: 64 } as const
const method = { type: 'string', pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$" } as const
const url = { type: 'string', minLength: 1, maxLength: 8192, pattern: '^[\\x21-\\x7e]+$' } as const
const port = { type: 'integer', minimum: 1, maximum: 65_535, description: aboutPort } as const
const portText = { type: 'string', pattern: '^[1-9][0-9]{0,4}$', description: aboutPort } as const
const listenerName = {
  type: 'string',
  maxLength: 64,
  description: 'The same by the name that GET /state gives it, where two addresses have one port; wins over port.',
} as const
const headerName = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
const headerValue = '[^\\x00\\r\\n]{0,8192}'
const headerLine = { type: 'string', pattern: `^${headerName}:${headerValue}$` } as const
const valueText = { type: 'string', pattern: `^${headerValue}$` } as const

/** ?url=/a&ip=10.0.0.1&method=GET&port=15001&header=Cookie:%20user=jason&header=... */
export const explainQuerySchema = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    ip,
    method,
    url,
    port: portText,
    listener: listenerName,
    header: { anyOf: [headerLine, { type: 'array', maxItems: 100, items: headerLine }] },
  },
} as const

/** { url, ip?, method?, port?, listener?, headers?: { name: value | [values] } } */
export const explainBodySchema = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    ip,
    method,
    url,
    port,
    listener: listenerName,
    headers: {
      type: 'object',
      maxProperties: 100,
      propertyNames: { pattern: `^${headerName}$` },
      additionalProperties: { anyOf: [valueText, { type: 'array', maxItems: 100, items: valueText }] },
    },
  },
} as const

interface Question {
  readonly url: string
  readonly ip?: string
  readonly method?: string
  readonly listener?: string
}

export interface ExplainQuery extends Question {
  readonly port?: string
  readonly header?: string | readonly string[]
}

export interface ExplainBody extends Question {
  readonly port?: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

/** The input for explain, or what is wrong with it. */
export function explainInput(
  question: ExplainQuery | ExplainBody,
  listeners: ReturnType<AdminView['listeners']>,
): ExplainInput | string {
  const { url: target, ip: address = '127.0.0.1', method: verb = 'GET' } = question
  if (isIP(address) === 0) return `ip: ${JSON.stringify(address)} is no IP address`
  const input = { ip: address, method: verb, url: target, headers: headersOf(question) }
  const { port: asked, listener: name } = question
  if (asked === undefined && name === undefined) return input
  const found = listeners.find((one) => (name === undefined ? one.port === Number(asked) : one.name === name))
  if (found !== undefined) return { ...input, listener: found.name }
  if (name !== undefined) return `listener: there is no ${name}, but ${listeners.map((one) => one.name).join(', ')}`
  return `port: nothing listens at ${asked}, but at ${listeners.map((one) => one.port).join(', ')}`
}

function headersOf(question: ExplainQuery | ExplainBody): [name: string, value: string][] {
  if ('headers' in question && question.headers !== undefined) {
    return Object.entries(question.headers).flatMap(([name, values]) =>
      [values].flat().map((value): [string, string] => [name, value]),
    )
  }
  const lines = 'header' in question && question.header !== undefined ? [question.header].flat() : []
  return lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
}
