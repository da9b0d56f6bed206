import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { asJason, ClusterUnderTest } from '../cluster/cluster-process.ts'
import { deployed, describeWithPrometheus, Prometheus } from './prometheus.ts'

const run = promisify(execFile)

describeWithPrometheus('the alert rules', () => {
  it('are rules, and fire in promtool as their tests say', async () => {
    const cwd = join(deployed, 'prometheus')
    expect((await run('promtool', ['check', 'rules', 'graylane.rules.yml'], { cwd })).stdout).toMatch(/\d+ rules found/)
    expect((await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd })).stdout).toContain('is valid')
    expect((await run('promtool', ['test', 'rules', 'graylane.rules.test.yml'], { cwd })).stdout).toContain('SUCCESS')
  })
})

describeWithPrometheus('the panels of deploy/grafana', () => {
  it('tell releases apart whose versions have the same name, and show nothing of 5xx where nobody asks', async () => {
    const labels = (release: string, code: number): string =>
      `{job="graylane", source_app="graylane", reporter="source", destination_service_namespace="${release}", destination_service_name="web", destination_version="v1", response_code="${code}"}`
    const series = (values: string, release: string, code: number): object => ({
      series: `istio_requests_total${labels(release, code)}`,
      values,
    })
    const exprs = new Map(await ourQueries())
    const asked = (title: string, samples: readonly (readonly [labels: string, value: number])[]): object => ({
      expr: exprs.get(title),
      eval_time: '5m',
      exp_samples: samples.map(([text, value]) => ({ labels: text, value })),
    })
    const [shop, blog, wiki] = ['shop', 'blog', 'wiki'].map(
      (release) => `{destination_service_namespace="${release}", destination_version="v1"}`,
    ) as [string, string, string]
    const tests = {
      evaluation_interval: '15s',
      tests: [
        {
          interval: '15s',
          input_series: [
            series('0+27x20', 'shop', 200),
            series('0+3x20', 'shop', 503),
            series('0+15x20', 'blog', 200),
            series('7x20', 'wiki', 200),
          ],
          promql_expr_test: [
            asked('Requests by version', [
              [shop, 2],
              [blog, 1],
              [wiki, 0],
            ]),
            asked('5xx share by version', [
              [shop, 0.1],
              [blog, 0],
            ]),
          ],
        },
        {
          interval: '15s',
          input_series: [series('7x20', 'wiki', 200)],
          promql_expr_test: [asked('Answered 5xx', [])],
        },
      ],
    }
    const folder = await mkdtemp(join(tmpdir(), 'graylane-panels-'))
    await writeFile(join(folder, 'panels.test.yml'), JSON.stringify(tests))
    expect((await run('promtool', ['test', 'rules', 'panels.test.yml'], { cwd: folder })).stdout).toContain('SUCCESS')
    await rm(folder, { recursive: true })
  })
})

/** Istio's dashboards as they ask (mesh, service, workload), and Kiali; for this service, workload and namespace. */
const service = 'destination_service=~"frontend.shop"'
const workload = 'destination_workload_namespace=~"shop", destination_workload=~"frontend-v1"'
const istioQueries: [panel: string, query: string][] = [
  ['mesh: request volume', 'round(sum(irate(istio_requests_total{reporter="source"}[1m])), 0.01)'],
  ['mesh: components', 'sum(istio_build) by (component, tag)'],
  [
    'mesh: success rate',
    'sum(rate(istio_requests_total{reporter=~"source|waypoint", response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total{reporter=~"source|waypoint"}[1m]))',
  ],
  [
    'mesh: workloads',
    'label_join(sum(rate(istio_requests_total{reporter="source", response_code="200"}[1m])) by (destination_workload, destination_workload_namespace, destination_service), "destination_workload_var", ".", "destination_workload", "destination_workload_namespace")',
  ],
  [
    'service: client request volume',
    `round(sum(irate(istio_requests_total{reporter=~"source", ${service}}[5m])), 0.001)`,
  ],
  [
    'service: server request volume',
    `round(sum(irate(istio_requests_total{reporter=~"destination", ${service}}[5m])), 0.001)`,
  ],
  [
    'service: server request duration',
    `histogram_quantile(0.99, sum(irate(istio_request_duration_milliseconds_bucket{reporter="destination", connection_security_policy!="mutual_tls", ${service}}[1m])) by (destination_workload, destination_workload_namespace, le))`,
  ],
  [
    'service: requests by source and code',
    `sum(irate(istio_requests_total{${service}, reporter=~"source", source_workload=~"graylane", source_workload_namespace=~".+"}[5m])) by (source_workload, source_workload_namespace, response_code)`,
  ],
  ['workload: incoming requests', `sum(irate(istio_requests_total{reporter=~"destination", ${workload}}[5m]))`],
  [
    'workload: response size',
    `histogram_quantile(0.9, sum(irate(istio_response_bytes_bucket{reporter="destination", ${workload}}[1m])) by (source_workload, le))`,
  ],
  [
    'kiali: edges into a namespace',
    'sum(rate(istio_requests_total{reporter="destination", destination_service_namespace="shop"}[1m])) by (source_cluster, source_workload_namespace, source_workload, source_canonical_service, source_canonical_revision, destination_cluster, destination_service_namespace, destination_service, destination_service_name, destination_workload_namespace, destination_workload, destination_canonical_service, destination_canonical_revision, request_protocol, response_code, grpc_response_status, response_flags)',
  ],
  [
    'kiali: response time',
    'sum(rate(istio_request_duration_milliseconds_sum{reporter="source"}[1m])) by (destination_workload) / sum(rate(istio_request_duration_milliseconds_count{reporter="source"}[1m])) by (destination_workload)',
  ],
]

describeWithPrometheus('a Prometheus that scrapes two workers', () => {
  it('has exactly what was sent, by version and code; Istio’s dashboards, Kiali and ours read it; a crossing fires its alert', async () => {
    await using cluster = await ClusterUnderTest.start('accessLog: off\n', ['--workers', '2', '--probe', '127.0.0.1:0'])
    await using prometheus = await Prometheus.start(cluster.serving.probe)
    const sent: Record<string, number> = {}
    // Over several scrapes, so that there is a rate.
    const until = performance.now() + 4000
    for (let i = 0; performance.now() < until || i < 200; i++) {
      const gray = i % 3 === 0
      const code = i % 10 === 0 ? 503 : i % 7 === 0 ? 404 : 200
      const answer = await cluster.get('/', ...(gray ? [asJason] : []), `x-echo-status: ${code}`)
      expect(answer.status).toBe(code)
      const key = `${gray ? 'v2' : 'v1'} ${code}`
      sent[key] = (sent[key] ?? 0) + 1
    }
    const counted = async (reporter: string): Promise<Record<string, number>> => {
      const by = 'destination_version, response_code'
      const samples = await prometheus.query(`sum by (${by}) (istio_requests_total{reporter="${reporter}"})`)
      return Object.fromEntries(
        samples.map(({ metric, value }) => [`${metric['destination_version']} ${metric['response_code']}`, value]),
      )
    }
    await expect.poll(() => counted('source'), { timeout: 20_000, interval: 500 }).toEqual(sent)
    expect(await counted('destination')).toEqual(sent)

    // What goes on is what rates are of.
    await using asking = keepAsking(cluster)
    for (const [panel, query] of istioQueries) {
      const highest = async (): Promise<number> =>
        // Not a number where nothing of a kind passes.
        Math.max(
          0,
          ...(await prometheus.query(query)).map(({ value }) => value).filter((value) => !Number.isNaN(value)),
        )
      await expect.poll(highest, { message: panel, timeout: 15_000, interval: 250 }).toBeGreaterThan(0)
    }
    for (const [panel, query] of await ourQueries()) {
      expect([panel, (await prometheus.query(query)).length > 0]).toEqual([panel, true])
    }
    await asking[Symbol.asyncDispose]()

    expect((await prometheus.alerts()).filter(({ labels }) => labels['alertname'] === 'GraylaneVersionsCross')).toEqual(
      [],
    )
    await cluster.get('/', 'x-echo-x-served-version: v2')
    const firing = async (): Promise<unknown> =>
      (await prometheus.alerts()).find(({ labels }) => labels['alertname'] === 'GraylaneVersionsCross')
    await expect.poll(firing, { timeout: 20_000, interval: 500 }).toMatchObject({
      state: 'firing',
      labels: { service: 'frontend', asked: 'v1', served: 'v2', severity: 'critical' },
      annotations: { summary: 'frontend of v1 was answered by v2' },
    })
  })
})

function keepAsking(cluster: ClusterUnderTest): AsyncDisposable {
  const over = new AbortController()
  const asking = (async () => {
    while (!over.signal.aborted) await cluster.get('/')
  })()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await asking
    },
  }
}

/** What deploy/grafana asks, with its variables as Grafana would fill them. Crossings have no series as long as there is none. */
async function ourQueries(): Promise<[panel: string, query: string][]> {
  const dashboard = JSON.parse(await readFile(join(deployed, 'grafana/graylane.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  expect(dashboard.panels.length).toBeGreaterThan(15)
  return dashboard.panels
    .filter(({ title }) => title !== 'Crossings by pair' && title !== "Answers of the edge's own")
    .flatMap(({ title, targets }) =>
      targets.map(({ expr }): [string, string] => [
        title,
        expr.replaceAll(/\$(?:job|release)\b/g, '.*').replaceAll('$__rate_interval', '1m'),
      ]),
    )
}
