// What `npm pack` puts into the package: src/ as JavaScript in dist/, line by line the same, since Node strips types in a checkout but not
// inside node_modules; declarations for what others import; whatever else stands in src/ as it is.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

/** What package.json exports and has types for. */
const entries = ['gateway.ts', 'fastify-plugin.ts', 'propagate/propagate.ts']

rmSync(target, { recursive: true, force: true })
writeDeclarations()
for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
  const from = join(source, file)
  if (statSync(from).isDirectory()) continue
  const to = join(target, file)
  mkdirSync(dirname(to), { recursive: true })
  if (!file.endsWith('.ts') || file.endsWith('.d.ts')) cpSync(from, to)
  else writeFileSync(to.replace(/\.ts$/, '.js'), withJsImports(stripTypeScriptTypes(readFileSync(from, 'utf8'))))
}

function writeDeclarations(): void {
  const config = join(root, 'tsconfig.package.json')
  const settings = {
    extends: './tsconfig.json',
    compilerOptions: { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: 'dist', rootDir: 'src' },
    include: [],
    files: entries.map((file) => join(source, file)),
  }
  writeFileSync(config, JSON.stringify(settings))
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { cwd: root, stdio: 'inherit' })
  } finally {
    rmSync(config)
  }
  for (const file of readdirSync(target, { recursive: true, encoding: 'utf8' })) {
    const path = join(target, file)
    if (file.endsWith('.d.ts')) writeFileSync(path, withJsImports(readFileSync(path, 'utf8')))
  }
}

/** `from './a.ts'` and `import('./a.ts')` name the JavaScript. */
function withJsImports(code: string): string {
  return code.replaceAll(/((?:\bfrom|\bimport)\s*\(?\s*')(\.{1,2}\/[^'\n]*)\.ts(')/g, '$1$2.js$3')
}
