// `pnpm conformance [DIR...]`: plays cases in the format of test/conformance against graylane, says what differs, and ends with
// `N passed, M failed`. Without arguments it plays the project's own corpus and brings the table in docs/istio.md up to date.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findCases } from './case.ts'
import { playAll } from './play-all.ts'
import { tableOf, withTable } from './table.ts'

const root = resolve(import.meta.dirname, '../..')
const own = join(root, 'test/conformance')
const page = join(root, 'docs/istio.md')

const folders = process.argv.slice(2)
const cases = findCases(folders.length === 0 ? [own] : folders)
const result = await playAll(cases, (line) => process.stdout.write(`${line}\n`))
if (folders.length === 0 && result.failed === 0 && existsSync(page)) {
  const text = readFileSync(page, 'utf8')
  const updated = withTable(text, tableOf(result))
  if (updated !== text) writeFileSync(page, updated)
}
process.stdout.write(`${result.passed} passed, ${result.failed} failed\n`)
process.exitCode = result.failed === 0 ? 0 : 1
