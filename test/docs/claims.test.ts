// What the READMEs claim with a figure or a comparison is what the recorded cases and the last measurement say; anchors lead somewhere.

import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')
const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const pages = ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', ...docs.map((name) => `docs/${name}`)]

describe('the READMEs', () => {
  it.each([
    ['README.md', /held by (\d+) recorded cases/],
    ['README.zh-CN.md', /由 (\d+) 个实录用例保证/],
    ['docs/istio.md', /`test\/conformance\/` holds (\d+) cases/],
  ])('%s counts the recorded cases right', (page, claim) => {
    const cases = readdirSync(join(root, 'test/conformance'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    expect(Number(claim.exec(textOf(page))?.[1])).toBe(cases.length)
  })

  it('say of the engine what the last measurement says: less than Envoy for a small request, more than nginx', () => {
    expect(textOf('README.md')).toContain('takes less CPU time than Envoy for a small request, and more than nginx')
    expect(textOf('README.zh-CN.md')).toContain('小请求所用的 CPU 时间比 Envoy 少、比 nginx 多')
    const times = (other: string): number => {
      const row = new RegExp(`^\\| small GET, browser headers \\| x ${other} \\|[^|]*\\|[^|]*\\| ([\\d.]+) \\|`, 'm')
      return Number(row.exec(textOf('docs/benchmarks.md'))?.[1])
    }
    expect(times('Envoy')).toBeLessThan(1)
    expect(times('nginx')).toBeGreaterThan(1)
  })
})

describe('an anchor', () => {
  it.each(pages)('of %s leads to a heading, and to one alone', (page) => {
    const links = Array.from(textOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g))
    const missing = links.filter(([, path, anchor]) => {
      const target = path === '' ? page : normalize(join(page, '..', path!))
      return anchorsOf(textOf(target)).filter((one) => one === anchor).length !== 1
    })
    expect(missing.map(([link]) => link)).toEqual([])
  })
})

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[^]*?^```$/gm, '')
  const headings = Array.from(prose.matchAll(/^#{1,6} (.*)$/gm), ([, heading]) => heading!)
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\-_ ]/gu, '')
      .replaceAll(' ', '-'),
  )
}
