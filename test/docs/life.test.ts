// docs/life-of-a-request.md walks along the code: every function that it names is where it says, and those of handleRequest come in that
// order. docs/engine.md has every file of the engine.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

import { describe, expect, it } from 'vitest'

const proxy = join(import.meta.dirname, '../../src/proxy')
const page = readFileSync(join(import.meta.dirname, '../../docs/life-of-a-request.md'), 'utf8')
const steps = page.slice(page.indexOf('## In'), page.indexOf('## Other ways'))

/** Written `name` (`file`), or as `name`, `file` within brackets. */
const placed = Array.from(page.matchAll(/`(#?[A-Za-z]\w+)`(?: \(|, )`([\w./-]+\.ts)`/g), ([, name, file]) => ({
  name: name!,
  file: file!,
}))

/** Without a file: `decide` and `admit` are words as well, all others look like functions. */
const calledByName = Array.from(steps.matchAll(/`(#?[a-z]+[A-Z]\w+|admit|decide)`/g), ([, name]) => name!).filter(
  (name) => !placed.some((one) => one.name === name),
)

/** Functions, methods, classes and constants that a file declares. */
function declares(file: string, name: string): boolean {
  const text = readFileSync(join(proxy, file), 'utf8')
  const word = name.replace('#', String.raw`\B#`)
  return new RegExp(
    String.raw`^(?:export )?(?:abstract )?(?:class|function|const) ${name}\b|^  (?:[a-z]+ )*${word}\(`,
    'm',
  ).test(text)
}

/** What handleRequest calls, from the first line to the last. */
function bodyOfHandleRequest(): string {
  const text = readFileSync(join(proxy, 'handle-request.ts'), 'utf8')
  const from = text.indexOf('export function handleRequest(')
  return text.slice(from, text.indexOf('\n}\n', from))
}

describe('docs/life-of-a-request.md', () => {
  it('names functions with their files', () => {
    expect(placed.length).toBeGreaterThan(20)
  })

  it.each(placed)('finds $name in $file', ({ name, file }) => {
    expect(existsSync(normalize(join(proxy, file)))).toBe(true)
    expect(declares(file, name)).toBe(true)
  })

  it('names what handleRequest calls in the order in which it is called', () => {
    const body = bodyOfHandleRequest()
    const called = calledByName.filter((name) => body.includes(`${name}(`))
    expect(called.length).toBeGreaterThan(12)
    let at = 0
    for (const name of called) {
      const next = body.indexOf(`${name}(`, at)
      expect(next, `${name} behind what is named before it`).toBeGreaterThan(at)
      at = next
    }
  })

  it('names no function without a file that handleRequest does not call', () => {
    const body = bodyOfHandleRequest()
    expect(calledByName.filter((name) => !body.includes(`${name}(`))).toEqual([])
  })
})

describe('docs/engine.md', () => {
  it('lists every file of the engine, and no other', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/engine.md'), 'utf8')
    const list = text.slice(text.indexOf('## Files'), text.indexOf('Beside it,'))
    const listed = Array.from(list.matchAll(/`([\w-]+\.ts)`/g), ([, file]) => file!)
    expect(listed.toSorted()).toEqual(readdirSync(join(proxy, 'http1')).toSorted())
  })
})
