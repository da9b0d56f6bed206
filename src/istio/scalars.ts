// Scalars of a manifest as Kubernetes' tools read them: YAML 1.1 says what an unquoted word is, protocol buffers say what a field takes.
// Pure: text in, value or what is wrong out.

import type { YamlScalar } from '../config/yaml-tree.ts'
import type { Shape } from './message.ts'

/** What JSON would call it. */
export type ScalarType = 'string' | 'number' | 'boolean' | 'null'

const nulls = new Set(['', '~', 'null', 'Null', 'NULL'])
const truths = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'])
const untruths = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'])
const integer = /^[-+]?(?:0|[1-9][\d_]*|0[0-7_]+|0x[\da-fA-F_]+|0b[01_]+|0o[0-7_]+)$/
const real = /^[-+]?(?:\.\d+|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/

export function scalarType(node: YamlScalar): ScalarType {
  const { text, quoted } = node
  if (quoted) return 'string'
  if (nulls.has(text)) return 'null'
  if (truths.has(text) || untruths.has(text)) return 'boolean'
  return integer.test(text) || real.test(text) ? 'number' : 'string'
}

export type ScalarResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

/** The value for a field of that shape. The scalar is not null. */
export function readScalar(shape: Shape, node: YamlScalar): ScalarResult {
  const type = scalarType(node)
  switch (shape.kind) {
    case 'text':
      return good(node.text)
    case 'string':
      return type === 'string'
        ? good(node.text)
        : bad(`${node.text} is a ${type} here: put it in quotes, "${node.text}"`)
    case 'bytes':
      return type === 'string' ? base64(node.text) : bad('base64 is wanted')
    case 'bool':
      return type === 'boolean' ? good(truths.has(node.text)) : bad(`true or false is wanted, not ${shown(node)}`)
    case 'int':
      return wholeNumber(node, -(2 ** 31), 2 ** 31 - 1)
    case 'uint':
      return wholeNumber(node, 0, 2 ** 32 - 1)
    case 'double':
      return numberOf(node)
    case 'duration':
      return durationOf(node, type)
    case 'enum':
      return enumOf(shape.names, node, type)
    case 'any':
      return good(true)
    case 'list':
      return bad(`a list is wanted, not ${shown(node)}`)
    case 'map':
    case 'message':
      return bad(`a map is wanted, not ${shown(node)}`)
  }
}

function good(value: unknown): ScalarResult {
  return { ok: true, value }
}

function bad(message: string): ScalarResult {
  return { ok: false, message }
}

function shown(node: YamlScalar): string {
  return JSON.stringify(node.text.length > 60 ? `${node.text.slice(0, 57)}...` : node.text)
}

/** Quoted numbers are taken too (protocol buffers' JSON form). */
function wholeNumber(node: YamlScalar, least: number, most: number): ScalarResult {
  const text = node.quoted ? node.text : node.text.replaceAll('_', '')
  if (!/^[-+]?(?:\d+|0x[\da-fA-F]+|0b[01]+|0o[0-7]+)$/.test(text))
    return bad(`a whole number is wanted, not ${shown(node)}`)
  const octal = !node.quoted && /^[-+]?0[0-7]+$/.test(text)
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[-+]/, '')
  const value = sign * (octal ? Number.parseInt(digits, 8) : Number(digits))
  if (value < least || value > most) return bad(`${text} is not between ${least} and ${most}`)
  return good(value)
}

function numberOf(node: YamlScalar): ScalarResult {
  const value = Number(node.quoted ? node.text : node.text.replaceAll('_', ''))
  return node.text !== '' && Number.isFinite(value) ? good(value) : bad(`a number is wanted, not ${shown(node)}`)
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Go's durations: signed decimals with units, one behind the other. */
function durationOf(node: YamlScalar, type: ScalarType): ScalarResult {
  const wrong = bad(`a duration is wanted, as in 1.5s or 200ms, not ${shown(node)}`)
  if (type !== 'string' && node.text !== '0') return wrong
  const ms = durationMs(node.text)
  return ms === undefined ? wrong : good(ms)
}

function durationMs(text: string): number | undefined {
  if (text === '0') return 0
  const sign = text.startsWith('-') ? -1 : 1
  const rest = text.replace(/^[-+]/, '')
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined
  let ms = 0
  for (const [, number = '', unit = ''] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(number) * (unitMs[unit] as number)
  }
  return sign * ms
}

function enumOf(names: readonly string[], node: YamlScalar, type: ScalarType): ScalarResult {
  if (type === 'number') {
    const name = names[Number(node.text)]
    return name === undefined ? bad(`${node.text} is none of its ${names.length} values`) : good(name)
  }
  return names.includes(node.text) ? good(node.text) : bad(`${shown(node)} is none of ${names.join(', ')}`)
}

function base64(text: string): ScalarResult {
  const clean = text.replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/_-]*$/.test(clean)) return bad('this is not base64')
  return good(Buffer.from(clean, 'base64').toString('latin1'))
}
