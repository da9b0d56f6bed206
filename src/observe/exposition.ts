// Hands our accumulators to prom-client, which renders them. The only importer of prom-client.
// Never counts anything itself and never runs on the path of a request.

import { setImmediate } from 'node:timers/promises'

import { Registry, type Metric } from 'prom-client'

import type { BucketCounts } from './counters.ts'
import type { MetricName } from './names.ts'

/** One line of the exposition, in prom-client's words. Labels of `sharedLabels` are formatted once per object, not once per line. */
export interface Sample {
  readonly value: number
  readonly labels?: Readonly<Record<string, string | number>>
  readonly sharedLabels?: Readonly<Record<string, string>>
  readonly metricName?: string
}

export interface Exposition {
  readonly contentType: string
  /** Registers a metric whose samples are read at each scrape. Throws when the name is taken. */
  add(metric: MetricName, samples: () => Iterable<Sample>): void
  /** The exposition text. Lets the event loop run between metrics, so that a long one does not hold requests up at a stretch. */
  text(): Promise<string>
}

export function createExposition(): Exposition {
  const registry = new Registry()
  return {
    contentType: registry.contentType,
    add(metric, samples) {
      const { name, help, type } = metric
      const family = { name, help, type, get: () => Promise.resolve({ name, help, type, values: [...samples()] }) }
      // prom-client asks a metric for nothing but get(). Its own classes can only count, not show counts taken elsewhere.
      registry.registerMetric(family as unknown as Metric)
    },
    async text() {
      const parts: string[] = []
      for (const { name } of registry.getMetricsAsArray()) {
        parts.push(await registry.getSingleMetricAsString(name))
        await setImmediate()
      }
      return `${parts.join('\n\n')}\n`
    },
  }
}

/** The _bucket, _sum and _count lines of one histogram series; buckets are cumulative as Prometheus wants them. */
export function* histogramSamples(
  name: string,
  bounds: readonly number[],
  series: BucketCounts,
  sharedLabels: Readonly<Record<string, string>>,
): Generator<Sample> {
  let total = 0
  for (const [index, count] of series.counts.entries()) {
    total += count
    yield { metricName: `${name}_bucket`, labels: { le: bounds[index] ?? '+Inf' }, sharedLabels, value: total }
  }
  yield { metricName: `${name}_sum`, sharedLabels, value: series.sum }
  yield { metricName: `${name}_count`, sharedLabels, value: total }
}
