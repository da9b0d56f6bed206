// How an endpoint comes back: by good probes, more of them each time it relapsed, and never past a check that holds it.

import { describe, expect, test } from 'vitest'
import { Endpoints } from '../../src/proxy/endpoints.ts'

function scene() {
  let now = 0
  const endpoints = new Endpoints(() => now)
  const state = endpoints.at('127.0.0.1', 80)
  const probesUntilBack = (): number => {
    for (let probes = 1; ; probes += 1) {
      endpoints.markUp(state)
      if (state.outSince === -1) return probes
    }
  }
  return { endpoints, state, probesUntilBack, pass: (ms: number) => (now += ms) }
}

describe('an endpoint that went out', () => {
  test('is back after two good probes', () => {
    const { endpoints, state, probesUntilBack } = scene()
    endpoints.markDown(state)
    expect(probesUntilBack()).toBe(2)
  })

  test('needs twice as many each time it goes out again within ten seconds, up to 64', () => {
    const { endpoints, state, probesUntilBack, pass } = scene()
    const needed = Array.from({ length: 8 }, () => {
      endpoints.markDown(state)
      const probes = probesUntilBack()
      pass(5000)
      return probes
    })
    expect(needed).toEqual([2, 4, 8, 16, 32, 64, 64, 64])
    pass(5000)
    endpoints.markDown(state)
    expect(probesUntilBack()).toBe(2)
  })

  test('a refusal in between starts the count anew', () => {
    const { endpoints, state, probesUntilBack } = scene()
    endpoints.markDown(state)
    endpoints.markUp(state)
    endpoints.markDown(state)
    expect(probesUntilBack()).toBe(2)
  })
})

describe('an endpoint that a check holds out', () => {
  test('is not brought back by what it answers otherwise', () => {
    const { endpoints, state } = scene()
    endpoints.hold(state)
    for (let i = 0; i < 100; i += 1) endpoints.markUp(state)
    expect(state.outSince).toBe(0)
    endpoints.letGo(state)
    expect([state.outSince, endpoints.allIn]).toEqual([-1, true])
  })

  test('stays out as long as one of several checks holds it', () => {
    const { endpoints, state } = scene()
    endpoints.hold(state)
    endpoints.hold(state)
    endpoints.letGo(state)
    expect(endpoints.allIn).toBe(false)
    endpoints.letGo(state)
    expect(endpoints.allIn).toBe(true)
  })
})
