// Problems as verbs show them to people: a line each, its colour by how bad it is.

import { formatProblem, type Problem } from '../config/problem.ts'
import { painter } from './terminal.ts'

const colours = { error: 'red', warning: 'yellow', info: 'blue' } as const

/** On standard error. */
export function sayProblems(problems: readonly Problem[]): void {
  for (const line of problemLines(problems, process.stderr)) process.stderr.write(`${line}\n`)
}

/** Why there is no answer: on standard error, or for programs in the answer's place. */
export function sayNoAnswer(problems: readonly Problem[], json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, problems }, undefined, 2)}\n`)
  else sayProblems(problems)
}

/** The same where a sentence says why. `before`: what stands before it for people, as in `graylane status`. */
export function sayReason(before: string, reason: string, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, reason, problems: [] }, undefined, 2)}\n`)
  else process.stderr.write(`${before}: ${reason}\n`)
}

/** @param stream where they will stand, which may be no terminal */
export function problemLines(problems: readonly Problem[], stream: NodeJS.WriteStream): readonly string[] {
  const paint = painter(stream)
  return problems.map((problem) => paint(colours[problem.severity], formatProblem(problem)))
}
