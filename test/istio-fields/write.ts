// Brings the tables of docs/istio.md up to date: `node test/istio-fields/write.ts`.

import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'

import { withTables } from './table.ts'

const page = resolve(import.meta.dirname, '../../docs/istio.md')
await writeFile(page, withTables(await readFile(page, 'utf8')))
