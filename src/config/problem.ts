// What is wrong with a configuration, and where: the one shape in which people and editors are told.

import type { Place } from '../rules/types.ts'

export type { Place }

export interface Problem extends Place {
  /** info: nothing that has to change. */
  readonly severity: 'error' | 'warning' | 'info'
  /** A stable word for machines: `unknown-key`, `yaml`, `list`. */
  readonly code: string
  /** A sentence without a full stop. */
  readonly message: string
  /** The keys that lead there: `gray[1].match[0].headers`. */
  readonly keyPath?: string
}

export type Report = (problem: Problem) => void

/** `file:line:column: severity code: text`, on one line whatever the message quotes. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, severity, code, message } = problem
  return `${file}:${line}:${column}: ${severity} ${code}: ${message.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')}`
}

/** A value as one would write it in YAML, inside brackets too. */
export function quoteIfNeeded(text: string): string {
  return /^[\w/](?:[\w./%@+-]|:(?=\w))*$/.test(text) ? text : quote(text)
}

/** A written value as a message shows it: quoted, and short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)
}
