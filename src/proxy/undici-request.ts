// The head that the engine would have written, as undici wants it: in parts, without the fields that undici writes itself.

import type { Dispatcher } from 'undici'

/** What undici writes itself, or knows nothing of (Expect). */
const left = new Set(['connection', 'upgrade', 'transfer-encoding', 'expect'])

/** `head` is text that we have written ourselves: a request line, fields, an empty line. */
export function requestForUndici(head: string): {
  readonly options: Dispatcher.DispatchOptions
  readonly expectsContinue: boolean
} {
  const [requestLine = '', ...lines] = head.slice(0, -4).split('\r\n')
  const methodEnd = requestLine.indexOf(' ')
  const headers: string[] = []
  let expectsContinue = false
  let upgrade: string | null = null
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    const lower = name.toLowerCase()
    if (!left.has(lower)) headers.push(name, value)
    else if (lower === 'expect') expectsContinue = true
    else if (lower === 'upgrade') upgrade = value
  }
  const options = {
    method: requestLine.slice(0, methodEnd),
    path: requestLine.slice(methodEnd + 1, requestLine.lastIndexOf(' ')),
    headers,
    upgrade,
    body: null,
    // undici would send those again that it holds to be idempotent; the engine decides on that.
    idempotent: false,
  }
  return { options, expectsContinue }
}
