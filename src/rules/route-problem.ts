// What is wrong with a configuration that its schema cannot see.

import type { Place } from './types.ts'

export interface RouteProblem {
  readonly place: Place
  /** A sentence without a full stop, with the nearest right word where a name is unknown. */
  readonly message: string
}

/** ` (did you mean v2?)` when a known name is near enough to be meant, else ''. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(word, known)
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`
}

/** The known word with the fewest changed letters, case apart; undefined when more than a third of the word would have to change. */
function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      least = distance
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
