// `healthCheck` of a service in its long form.

import type { HealthCheckSpec } from '../rules/health-check.ts'
import { complain, type Draft } from './draft.ts'
import type { HealthCheckText } from './schema-health-check.ts'
import { durationMs, longestTimerMs } from './written-values.ts'

/** More often would be load rather than a question. */
const shortestMs = 50

export function healthCheckSpec(draft: Draft, written: HealthCheckText): HealthCheckSpec {
  const { path, host, unhealthyThreshold, healthyThreshold } = written
  const intervalMs = checkedMs(draft, written, 'interval')
  const timeoutMs = checkedMs(draft, written, 'timeout')
  return { path, host, intervalMs, timeoutMs, unhealthyThreshold, healthyThreshold }
}

function checkedMs(draft: Draft, written: HealthCheckText, key: 'interval' | 'timeout'): number {
  const ms = durationMs(written[key])
  if (ms < shortestMs || ms > longestTimerMs) {
    complain(draft, written, key, 'value', `${key}: ${written[key]} is not between ${shortestMs}ms and 24 days`)
  }
  return ms
}
