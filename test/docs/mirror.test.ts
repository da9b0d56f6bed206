// README.zh-CN.md is README.md in Chinese: section by section the same code, the same links and pictures, tables of the same size.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

interface Section {
  readonly level: number
  /** Comments and the room before them left out: those are translated. */
  readonly code: readonly string[]
  readonly links: readonly string[]
  readonly rows: number
  /** Words in backticks, each once: names are not translated. */
  readonly names: readonly string[]
}

function sectionsOf(page: string): readonly Section[] {
  const text = readFileSync(join(root, page), 'utf8')
  return text.split(/^(?=#{1,6} )/m).map((section) => {
    const prose = section.replaceAll(/^```[^]*?^```$/gm, '')
    return {
      level: /^#*/.exec(section)![0].length,
      code: Array.from(section.matchAll(/^```([^]*?)^```$/gm), ([, block]) => block!.replaceAll(/ *#.*$/gm, '')),
      links: Array.from(prose.matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!.replace(/^README.*/, 'the other one')),
      rows: prose.match(/^\|/gm)?.length ?? 0,
      names: [...new Set(prose.match(/`[^`]+`/g))].map((name) => name.replace('目录', 'DIR')).toSorted(),
    }
  })
}

describe('README.zh-CN.md', () => {
  const english = sectionsOf('README.md')
  const chinese = sectionsOf('README.zh-CN.md')

  it('has the sections of README.md, in their order', () => {
    expect(english.length).toBeGreaterThan(5)
    expect(chinese.map(({ level }) => level)).toEqual(english.map(({ level }) => level))
  })

  it.each(english.map((section, index) => ({ index, section })))(
    'says what section $index says',
    ({ index, section }) => {
      const { links, ...rest } = chinese[index]!
      const { links: wanted, ...same } = section
      expect(rest).toEqual(same)
      expect(links.toSorted()).toEqual(wanted.toSorted())
    },
  )
})
