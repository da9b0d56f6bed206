// A gateway as the admin server sees it, to be put into any state.

import type { AdminView, ExplainInput } from '../../src/admin/view.ts'
import { TrafficRing } from '../../src/observe/traffic-ring.ts'

export const canary = 'canary-4711-secret'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** `explained` gathers what explain was asked; `reloadWith` is what the next reload answers. */
export interface SmallView extends Mutable<AdminView> {
  readonly explained: ExplainInput[]
  reloadWith: Awaited<ReturnType<AdminView['reload']>>
}

const configurationWithSecrets = {
  file: 'routes.yaml',
  text: `keys: ${canary}`,
  files: new Set(['routes.yaml']),
  releases: [
    { name: 'shop', versions: new Map([['v1', { pools: new Map([['frontend', ['http://127.0.1.1:8080']]]) }]]) },
  ],
  keys: new Map([['shop', [{ id: '00112233', secret: Buffer.from(canary) }]]]),
  seeds: { bytes: Buffer.from(canary), written: { secret: canary } },
  requestHeaders: {
    remove: [],
    set: new Map([
      ['authorization', `Bearer ${canary}`],
      ['user', '%VERSION%'],
    ]),
    add: new Map(),
  },
  users: new Set(Array.from({ length: 1000 }, (_, i) => `user-${i}`)),
} as unknown as ReturnType<AdminView['configuration']>

export function smallView(): SmallView {
  const good = { at: Date.UTC(2026, 0, 1), ok: true, changed: true, snapshot: 'abc123', problems: [] }
  const view: SmallView = {
    explained: [],
    reloadWith: good,
    state: 'ready',
    listeners: () => [{ name: '0.0.0.0-8080', address: '0.0.0.0', port: 8080, internal: false, secure: false }],
    lastReload: () => view.reloadWith,
    reload: () => Promise.resolve(view.reloadWith),
    reloads: { history: [{ ...good, patch: '' }] },
    endpointsOut: () => [],
    traffic: new TrafficRing(),
    configuration: () => configurationWithSecrets,
    explain: (input) => {
      view.explained.push(input)
      return {
        steps: [{ step: 'rule', outcome: 'office' }],
        version: 'v2',
        reason: 'rule',
        rule: 'office',
        service: 'frontend',
        poolVersion: 'v2',
        document: true,
        clientAddress: input.ip,
        forwards: { target: '/', host: 'shop.example' },
        status: undefined,
        edgeCode: '',
        setsPin: true,
      }
    },
  }
  return view
}
