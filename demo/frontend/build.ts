// Builds the page three times, once for each version, into demo/frontend/dist/vN: hashed JS and CSS and one lazy chunk.
// Never builds what is already there from the same source, and never leaves a half-built directory behind.

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { InlineConfig } from 'vite'

export interface Build {
  readonly version: string
  /** The directory to serve. */
  readonly directory: string
}

const here = import.meta.dirname
const pageDirectory = join(here, 'page')
const distDirectory = join(here, 'dist')
/** What apps import as graylane/page. */
const pageStamp = join(here, '../../src/page/page.js')
/** Kept inside each build, so that build and stamp appear by one rename. Its name keeps it from being served. */
const stampName = '.built-from'

/**
 * The builds of these versions, in order; missing or outdated ones are made.
 * Throws when Vite does.
 */
export async function buildPages(versions: readonly string[]): Promise<{ builds: Build[]; built: number }> {
  const stamp = await hashOfSource()
  const builds = versions.map((version) => ({ version, directory: join(distDirectory, version) }))
  const made = await Promise.all(builds.map((build) => buildUnlessFresh(build, stamp)))
  return { builds, built: made.filter(Boolean).length }
}

async function buildUnlessFresh(build: Build, stamp: string): Promise<boolean> {
  if (await isFresh(build, stamp)) return false
  const { build: viteBuild } = await import('vite')
  const workshop = join(distDirectory, `.${build.version}-${randomUUID()}`)
  await mkdir(workshop, { recursive: true })
  try {
    await viteBuild(await viteConfig(build.version, workshop))
    await writeFile(join(workshop, stampName), stamp)
    await putInPlace(workshop, build, stamp)
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
  return true
}

/** Another demo may build at the same time: the one that is ready first stays, so nobody's files vanish while it serves them. */
async function putInPlace(workshop: string, build: Build, stamp: string): Promise<void> {
  if (await isFresh(build, stamp)) return
  const outdated = `${workshop}-outdated`
  await rename(build.directory, outdated).catch(ignoreMissing)
  await rename(workshop, build.directory).catch(async (error: unknown) => {
    if (!(await isFresh(build, stamp))) throw error
  })
  await rm(outdated, { recursive: true, force: true })
}

async function isFresh(build: Build, stamp: string): Promise<boolean> {
  const found = await readFile(join(build.directory, stampName), 'utf8').catch(() => '')
  return found === stamp
}

async function viteConfig(version: string, outDir: string): Promise<InlineConfig> {
  const directory = join(pageDirectory, 'versions', version)
  const { frontend } = (await import(join(directory, 'frontend.ts'))) as {
    frontend: { version: string; button: string }
  }
  return {
    configFile: false,
    root: pageDirectory,
    logLevel: 'error',
    resolve: { alias: { '@version': directory, 'graylane/page': pageStamp } },
    define: {
      'import.meta.env.FRONTEND_VERSION': JSON.stringify(frontend.version),
      'import.meta.env.FRONTEND_BUTTON': JSON.stringify(frontend.button),
    },
    build: { outDir, emptyOutDir: false, target: 'esnext', modulePreload: { polyfill: false } },
  }
}

/** Content, not file times: a fresh clone gives every file the time of the clone. */
async function hashOfSource(): Promise<string> {
  const hash = createHash('sha256')
  const entries = await readdir(pageDirectory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const file of [...files.toSorted(), pageStamp, import.meta.filename]) {
    hash.update(relative(here, file)).update('\0')
    hash.update(await readFile(file)).update('\0')
  }
  return hash.digest('hex')
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
