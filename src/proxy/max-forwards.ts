// RFC 9110 7.6.2: whoever asks OPTIONS along a chain of proxies says how far it goes.

import { allowedMethods } from './edge-answers.ts'
import type { EdgeAnswer, RequestHead } from './exchange.ts'

const atTheEnd: EdgeAnswer = {
  status: 204,
  fields: [['allow', allowedMethods]],
  body: '',
}

/** The answer when the request goes no further than here; else it is sent on with one less. Other methods have no such limit. */
export function spendForward(request: RequestHead): EdgeAnswer | undefined {
  if (request.method !== 'OPTIONS') return undefined
  const left = request.get('max-forwards')
  // What is no number says nothing.
  if (left === undefined || !/^\d{1,9}$/.test(left)) return undefined
  if (Number(left) === 0) return atTheEnd
  request.set('max-forwards', String(Number(left) - 1))
  return undefined
}
