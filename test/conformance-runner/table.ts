// The outcome by feature as a table for docs/istio.md, between two markers.

import type { CaseResult, Result } from './play-all.ts'

const begin = '<!-- conformance: made by `pnpm conformance` -->'
const end = '<!-- /conformance -->'

/** What a case is about, by the beginning of its name; the first that fits. */
const features: readonly (readonly [feature: string, names: RegExp])[] = [
  ['the story: gray release by address', /^(?:seed|xff|edge-version-pin)/],
  ['uri, query parameters, path normalization', /^(?:uri|query|path)/],
  ['headers, withoutHeaders, cookies, repeated headers', /^(?:headers-kinds|without|cookie|duplicate)/],
  ['regular expressions (RE2)', /^(?:re2|regex)/],
  ['hosts, gateways, several VirtualServices, delegates', /^(?:hosts|gateway|multi|delegate)/],
  ['rule order, or and and', /^(?:rule|or-and)/],
  ['mesh: sourceLabels, sourceNamespace', /^mesh/],
  ['weights, subsets, consistent hash', /^(?:weighted|subset|consistent)/],
  ['redirect, rewrite, https redirect', /^(?:redirect|rewrite|https)/],
  ['header operations, sanitising, trusted proxies', /^(?:header-ops|headers-client|scheme)/],
  ['timeout, retries, fault, cors', /^(?:timeout|retries|fault|cors)/],
  ['validation', /^(?:validation|one-fault)/],
  ['random combinations', /^random/],
]

export function tableOf({ byCase }: Result): string {
  const rows = new Map<string, CaseResult & { cases: number }>()
  for (const [name, result] of byCase) {
    const feature = features.find(([, names]) => names.test(name))?.[0] ?? 'other'
    const row = rows.get(feature) ?? { cases: 0, passed: 0, failed: 0, deviating: 0 }
    rows.set(feature, {
      cases: row.cases + 1,
      passed: row.passed + result.passed,
      failed: row.failed + result.failed,
      deviating: row.deviating + result.deviating,
    })
  }
  const order = [...features.map(([feature]) => feature), 'other']
  const lines = order.flatMap((feature) => {
    const row = rows.get(feature)
    if (row === undefined) return []
    return [
      `| ${feature} | ${row.cases} | ${row.passed + row.failed + row.deviating} | ${row.passed} | ${row.deviating} | ${row.failed} |`,
    ]
  })
  return [
    '| feature | cases | requests | as Envoy | differ rightly | failed |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n')
}

/** The page with the table in its place; as it is when it has no place for one. */
export function withTable(page: string, table: string): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from === -1 || to < from) return page
  return `${page.slice(0, from + begin.length)}\n\n${table}\n\n${page.slice(to)}`
}
