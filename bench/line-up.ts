// Everyone who takes part, and in which scenario. `measured against` is always the same two: nginx and Envoy.

import type { Contender } from './contender.ts'
import { caddy } from './contenders/caddy.ts'
import { direct } from './contenders/direct.ts'
import { envoy } from './contenders/envoy.ts'
import { fastProxy } from './contenders/fast-proxy.ts'
import { fastifyHttpProxy } from './contenders/fastify-http-proxy.ts'
import { graylane } from './contenders/graylane.ts'
import { haproxy } from './contenders/haproxy.ts'
import { httpProxy3 } from './contenders/http-proxy-3.ts'
import { httpProxyMiddleware } from './contenders/http-proxy-middleware.ts'
import { nginx } from './contenders/nginx.ts'

const rules = 1000

export const everythingOn = graylane({
  name: 'graylane',
  about: 'everything on: signed pin, metrics, access log to a file',
  log: true,
})

/** All that do the three rules, and `direct`. */
export const main: readonly Contender[] = [
  everythingOn,
  graylane({ name: 'graylane, bare', about: 'without the access log' }),
  nginx('nginx'),
  haproxy,
  envoy('envoy'),
  caddy,
  fastifyHttpProxy,
  httpProxy3,
  httpProxyMiddleware,
  fastProxy,
  direct,
]

/** The same with many rules more. */
export const manyRules: readonly Contender[] = [
  graylane({ name: 'graylane, 1000 rules', about: `the same with ${rules} rules more`, log: true, rules }),
  nginx('nginx, 1000 rules', rules),
  envoy('envoy, 1000 rules', rules),
]

/** Node runs through other code over TLS; whoever has served both pays for it in either. */
export const encrypting = graylane({
  name: 'graylane, TLS too',
  about: 'the same with a listener for TLS beside the plain one, both of which were in use',
  log: true,
  secure: true,
})

export const twoWorkers = graylane({
  name: 'graylane, 2 workers',
  about: 'the same in two processes on one port',
  log: true,
  workers: 2,
})

export const everyone: readonly Contender[] = [...main, ...manyRules, encrypting, twoWorkers]
