// Names and values of headers as Istio's validation takes them, in matches and in header operations.

import { isEngineField } from '../rules/engine-fields.ts'
import { parseHeaderFormat } from '../rules/header-format.ts'
import type { Findings } from './findings.ts'
import type { HeaderOperations, Headers } from './model-shared.ts'

const token = /^[-!#$%&'*+.^_`|~A-Za-z0-9]+$/
const pseudo = new Set([':method', ':scheme', ':authority', ':path', ':status'])

/** RFC 9110 5.1. */
export function isFieldName(name: string): boolean {
  return token.test(name)
}

/** Of a match. */
export function headerNameProblem(name: string): string | undefined {
  if (name === '') return 'header name cannot be empty'
  return token.test(name) || pseudo.has(name) ? undefined : `header name ${name} is not a valid header name`
}

export function checkHeaders(headers: Headers | undefined, findings: Findings): void {
  checkOperations(headers?.request, findings, true)
  checkOperations(headers?.response, findings, false)
}

/** @param mayNameHost requests may have their Host set, and nothing else of what HTTP itself needs */
function checkOperations(operations: HeaderOperations | undefined, findings: Findings, mayNameHost: boolean): void {
  for (const map of [operations?.add, operations?.set]) {
    for (const [name, value] of map ?? []) {
      const problem = operationNameProblem(name, mayNameHost) ?? valueProblem(value ?? '')
      const unknown = notHonoured(name, value ?? '')
      if (problem !== undefined) findings.error(map as object, name, problem)
      else if (unknown !== undefined) findings.notHonoured(map as object, name, `${unknown}: it is left out`)
      else if (!isFieldName(name) && name !== ':authority') {
        const outcome = mayNameHost ? 'every request of this route is answered 503' : 'it is left out'
        findings.notHonoured(map as object, name, `${JSON.stringify(name)} is no header name: ${outcome}`)
      }
    }
  }
  for (const [index, name] of (operations?.remove ?? []).entries()) {
    const problem = operationNameProblem(name, false)
    const unknown = notHonoured(name, '')
    if (problem !== undefined) findings.error(operations?.remove as object, index, problem)
    else if (unknown !== undefined) findings.notHonoured(operations?.remove as object, index, `${unknown}: it stays`)
  }
}

/**
 * Why an operation that Istio takes is not carried out here: the engine frames messages itself, where Envoy frames them anew after the
 * operations; and not all of Envoy's words are known. Undefined when it is.
 */
export function notHonoured(name: string, value: string): string | undefined {
  if (isEngineField(name)) return `${name} says where a message ends or what becomes of its connection`
  const format = parseHeaderFormat(value)
  return 'problem' in format ? format.problem : undefined
}

function operationNameProblem(name: string, mayNameHost: boolean): string | undefined {
  if (name === '') return 'header name cannot be empty'
  const lower = name.toLowerCase()
  if (mayNameHost && (lower === 'host' || lower === ':authority')) return undefined
  if (lower === 'host') return `invalid header ${JSON.stringify(name)}: cannot set Host header`
  if (name.startsWith(':'))
    return `invalid header ${JSON.stringify(name)}: header operations cannot be done on internal header`
  return undefined
}

/** Envoy's format words stand between percent signs; `%%` is one percent sign. */
function valueProblem(value: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- no field value holds one but the tab (RFC 9110 5.5)
  if (/[\u0000-\u0008\u000A-\u001F\u007F]/.test(value)) return `invalid header value ${JSON.stringify(value)}`
  let at = value.indexOf('%')
  while (at !== -1) {
    if (value[at + 1] === '%') at = value.indexOf('%', at + 2)
    else {
      const end = endOfWord(value, at + 1)
      if (end === undefined) {
        return `header value configuration: invalid header configuration. Un-terminated variable expression '${value.slice(at + 1) || value}': write %% for a percent sign`
      }
      at = value.indexOf('%', end + 1)
    }
  }
  return undefined
}

/** Where the `%` stands that ends the word; its arguments, in parentheses, may hold some too. */
function endOfWord(value: string, from: number): number | undefined {
  const open = value.indexOf('(', from)
  const end = value.indexOf('%', from)
  if (end === -1) return undefined
  if (open === -1 || open > end) return end
  const close = value.indexOf(')', open)
  if (close === -1) return undefined
  const after = value.indexOf('%', close)
  return after === -1 ? undefined : after
}
