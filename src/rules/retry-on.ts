// `retryOn` as Istio writes it: words and status codes between commas.

import { inertRetryConditions, type RetriesSpec, type RetryCondition, retryConditions } from './route-actions.ts'

/** What it says, or the word that is none. Istio's validation refuses blanks; where they got through, they mean nothing. */
export function parseRetryOn(
  text: string,
): Pick<RetriesSpec, 'retryOn' | 'statusCodes'> | { readonly unknown: string } {
  const retryOn = new Set<RetryCondition>()
  const statusCodes = new Set<number>()
  for (const part of text.split(',')) {
    const word = part.trim()
    if (isCondition(word)) retryOn.add(word)
    else if (/^[1-5]\d\d$/.test(word)) statusCodes.add(Number(word))
    else if (word !== '' && !inertRetryConditions.includes(word)) return { unknown: word }
  }
  return { retryOn, statusCodes }
}

/** All words that may be written, for messages. */
export const retryWords: readonly string[] = [...retryConditions, ...inertRetryConditions]

function isCondition(word: string): word is RetryCondition {
  return (retryConditions as readonly string[]).includes(word)
}
