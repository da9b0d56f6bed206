// A request of which nothing is known but who sends it: for asking what rules would do with somebody.

import type { Address, RequestFacts } from './types.ts'

export function bareRequest(clientAddress: Address): RequestFacts {
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
