// Brings endpoints back: those that are out are asked for a connection twice a second, HTTPS ones for a handshake. An endpoint that is
// in is never probed here.

import { connect } from 'node:net'
import type { Endpoints, EndpointState } from './endpoints.ts'
import { isSecure, UpstreamTrust } from './tls/upstream-trust.ts'

const intervalMs = 500
const timeoutMs = 1000

/** Starts probing; returns the way to stop it. */
export function startProbing(endpoints: Endpoints, trust = new UpstreamTrust()): () => void {
  const asking = new Set<EndpointState>()
  const timer = setInterval(() => {
    for (const state of endpoints.out()) {
      if (asking.has(state)) continue
      asking.add(state)
      probe(state, trust, (good) => {
        asking.delete(state)
        if (good) endpoints.markUp(state)
        else endpoints.markDown(state)
      })
    }
  }, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Of an HTTPS endpoint the certificate has to hold too: otherwise it would come back only to refuse the next request. */
function probe(state: EndpointState, trust: UpstreamTrust, done: (good: boolean) => void): void {
  const secure = isSecure(state)
  const socket = secure ? trust.connect(state) : connect({ host: state.address, port: state.port })
  let settled = false
  const settle = (good: boolean): void => {
    if (settled) return
    settled = true
    socket.destroy()
    done(good)
  }
  socket.setTimeout(timeoutMs, () => settle(false))
  socket.on(secure ? 'secureConnect' : 'connect', () => settle(true))
  socket.on('error', () => settle(false))
  socket.unref()
}
