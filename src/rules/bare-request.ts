// A request of which nothing is known but who sends it: for asking what rules would do with somebody.

import { parseAddress } from './address.ts'
import type { Address, RequestFacts } from './types.ts'

const nowhere = parseAddress('0.0.0.0') as Address

export function bareRequest(clientAddress = nowhere): RequestFacts {
  return {
    method: 'GET',
    scheme: 'https',
    authority: '',
    path: '/',
    query: '',
    port: 0,
    clientAddress,
    sourceLabels: undefined,
    headerLines: () => [],
    cookie: () => undefined,
  }
}
