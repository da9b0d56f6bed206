import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { pointTo, writeByRename, writeConfigMap, writeInPlace } from '../support/rewrite-file.ts'
import { watchConfiguration, type ConfigurationWatch } from '../../src/config/watch.ts'

/** docs/operations.md: a change is in force within two seconds, so it is seen within them. */
const limitMs = 2000
/** Longer than the debounce and one poll: a second call would have come. */
const quietMs = 1500

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'graylane-watch-'))
})
afterAll(() => rm(directory, { recursive: true }))

interface Way {
  readonly way: string
  /** Relative to the directory of the case; default routes.yaml. */
  readonly files?: readonly string[]
  readonly before?: (at: string) => Promise<void>
  /** Done for 1, 2, 3 and 4: what comes after the first change must be seen as well as the first. */
  readonly change: (at: string, n: number) => Promise<void>
  /** Beyond what fs.watch tells: only the poll sees it. */
  readonly pollOnly?: true
}

const writeRoutes = (at: string): Promise<void> => writeInPlace(at, 'routes.yaml', 'stable: v0\n')

async function writeRelease(at: string, n: number): Promise<void> {
  await mkdir(join(at, `releases/${n}`), { recursive: true })
  await writeInPlace(at, `releases/${n}/routes.yaml`, `stable: v${n}\n`)
  await pointTo(at, 'current', `releases/${n}`)
}

/** More than is read before watchConfiguration returns. */
const manyLines = Array.from({ length: 200_000 }, (_, i) => `user-${i}\n`).join('')

const changes: readonly Way[] = [
  {
    way: 'written in place',
    before: writeRoutes,
    change: (at, n) => writeInPlace(at, 'routes.yaml', `stable: v${n}\n`),
  },
  {
    way: 'written in place with an old time stamp',
    before: writeRoutes,
    change: async (at, n) => {
      await writeInPlace(at, 'routes.yaml', `stable: v${n}\n`)
      await utimes(join(at, 'routes.yaml'), 1000, 1000)
    },
  },
  {
    way: 'appended to',
    before: writeRoutes,
    change: (at, n) => writeFile(join(at, 'routes.yaml'), `# ${n}\n`, { flag: 'a' }),
  },
  {
    way: 'written eight times in a row',
    before: writeRoutes,
    change: async (at, n) => {
      for (let i = 0; i < 8; i++) {
        await writeInPlace(at, 'routes.yaml', `stable: v${n}\n# ${i}\n`)
        await sleep(5)
      }
    },
  },
  {
    way: 'replaced by rename',
    before: writeRoutes,
    change: (at, n) => writeByRename(at, 'routes.yaml', `stable: v${n}\n`),
  },
  {
    way: 'renamed to a backup and written anew, as editors do',
    before: writeRoutes,
    change: async (at, n) => {
      await rename(join(at, 'routes.yaml'), join(at, 'routes.yaml~'))
      await writeInPlace(at, 'routes.yaml', `stable: v${n}\n`)
    },
  },
  {
    way: 'deleted and recreated at once',
    before: writeRoutes,
    change: async (at, n) => {
      await rm(join(at, 'routes.yaml'))
      await writeInPlace(at, 'routes.yaml', `stable: v${n}\n`)
    },
  },
  {
    way: 'deleted, and recreated a while later',
    before: writeRoutes,
    change: (at, n) => (n % 2 === 1 ? rm(join(at, 'routes.yaml')) : writeInPlace(at, 'routes.yaml', `stable: v${n}\n`)),
  },
  {
    way: 'mounted from a ConfigMap',
    before: (at) => writeConfigMap(at, 'routes.yaml', 'stable: v0\n', 0),
    change: (at, n) => writeConfigMap(at, 'routes.yaml', `stable: v${n}\n`, n),
  },
  {
    way: 'behind a directory that is a symlink',
    files: ['current/routes.yaml'],
    before: (at) => writeRelease(at, 0),
    change: writeRelease,
  },
  {
    way: 'a symlink that is pointed elsewhere, or its target written in place',
    before: async (at) => {
      await mkdir(join(at, 'store'))
      await writeInPlace(at, 'store/a.yaml', 'stable: a\n')
      await symlink('store/a.yaml', join(at, 'routes.yaml'))
    },
    change: async (at, n) => {
      if (n % 2 === 0) return writeInPlace(at, `store/b${n - 1}.yaml`, 'stable: c\n')
      await writeInPlace(at, `store/b${n}.yaml`, `stable: b${n}\n`)
      await pointTo(at, 'routes.yaml', join(at, `store/b${n}.yaml`))
    },
  },
  {
    way: 'behind a symlink and two dots',
    files: ['link/../routes.yaml'],
    before: async (at) => {
      await mkdir(join(at, 'store/inner'), { recursive: true })
      await symlink('store/inner', join(at, 'link'))
      await writeInPlace(at, 'store/routes.yaml', 'stable: v0\n')
    },
    change: (at, n) => writeInPlace(at, 'store/routes.yaml', `stable: v${n}\n`),
  },
  {
    way: 'in a directory that does not exist yet, comes, goes and comes back',
    files: ['deep/down/routes.yaml'],
    change: async (at, n) => {
      if (n === 3) return rm(join(at, 'deep'), { recursive: true })
      await mkdir(join(at, 'deep/down'), { recursive: true })
      await writeInPlace(at, 'deep/down/routes.yaml', `stable: v${n}\n`)
    },
  },
  {
    way: 'in a directory that is swapped by rename',
    files: ['conf/routes.yaml'],
    before: async (at) => {
      await mkdir(join(at, 'conf'))
      await writeInPlace(at, 'conf/routes.yaml', 'stable: v0\n')
    },
    change: async (at, n) => {
      await mkdir(join(at, `next${n}`))
      await writeInPlace(at, `next${n}/routes.yaml`, `stable: v${n}\n`)
      await rename(join(at, 'conf'), join(at, `old${n}`))
      await rename(join(at, `next${n}`), join(at, 'conf'))
    },
  },
  {
    way: 'below a directory that is swapped by rename',
    pollOnly: true,
    files: ['conf/inner/routes.yaml'],
    before: async (at) => {
      await mkdir(join(at, 'conf/inner'), { recursive: true })
      await writeInPlace(at, 'conf/inner/routes.yaml', 'stable: v0\n')
    },
    change: async (at, n) => {
      await mkdir(join(at, `next${n}/inner`), { recursive: true })
      await writeInPlace(at, `next${n}/inner/routes.yaml`, `stable: v${n}\n`)
      await rename(join(at, 'conf'), join(at, `old${n}`))
      await rename(join(at, `next${n}`), join(at, 'conf'))
    },
  },
  {
    way: 'changed together with another',
    files: ['routes.yaml', 'lists/users.txt'],
    before: async (at) => {
      await mkdir(join(at, 'lists'))
      await writeInPlace(at, 'lists/users.txt', 'anna\n')
      await writeRoutes(at)
    },
    change: async (at, n) => {
      await writeByRename(at, 'routes.yaml', `stable: v${n}\n`)
      await writeInPlace(at, 'lists/users.txt', `user${n}\n`)
    },
  },
  {
    way: 'a list of many lines, of which one changes',
    files: ['users.txt'],
    before: (at) => writeInPlace(at, 'users.txt', manyLines),
    change: (at, n) => writeByRename(at, 'users.txt', manyLines.replace('user-99\n', `user-${n}\n`)),
  },
  {
    way: 'turned into a directory, and back',
    before: writeRoutes,
    change: async (at, n) => {
      await rm(join(at, 'routes.yaml'), { recursive: true })
      await (n % 2 === 1 ? mkdir(join(at, 'routes.yaml')) : writeInPlace(at, 'routes.yaml', `stable: v${n}\n`))
    },
  },
]

const sameContent: readonly Way[] = [
  { way: 'touched', before: writeRoutes, change: (at, n) => utimes(join(at, 'routes.yaml'), 1000 + n, 1000 + n) },
  { way: 'written in place', before: writeRoutes, change: writeRoutes },
  {
    way: 'replaced by rename',
    before: writeRoutes,
    change: (at) => writeByRename(at, 'routes.yaml', 'stable: v0\n'),
  },
  {
    way: 'a list of many lines that is written anew',
    files: ['users.txt', 'routes.yaml'],
    before: (at) => writeInPlace(at, 'users.txt', manyLines),
    change: async (at, n) => {
      // What it held before has to be read by then, on a busy machine too.
      if (n === 1) await sleep(1500)
      await writeByRename(at, 'users.txt', manyLines)
    },
  },
  {
    way: 'deleted and recreated at once',
    before: writeRoutes,
    change: async (at) => {
      await rm(join(at, 'routes.yaml'))
      await writeRoutes(at)
    },
  },
  {
    way: 'mounted anew from a ConfigMap',
    before: (at) => writeConfigMap(at, 'routes.yaml', 'stable: v0\n', 0),
    change: (at, n) => writeConfigMap(at, 'routes.yaml', 'stable: v0\n', n),
  },
  {
    way: 'beside another file that is written',
    before: writeRoutes,
    change: (at, n) => writeInPlace(at, 'access.log', `${n}\n`),
  },
]

describe.concurrent('a file is seen to change, once,', () => {
  test.each(changes)('when it is $way', async ({ files, before, change }) => {
    await using watched = await watchFor(files, before)
    for (let n = 1; n <= 4; n++) {
      await change(watched.at, n)
      await watched.callsReach(n)
    }
    await sleep(quietMs)
    expect(watched.calls, 'no call beyond one a change').toBe(4)
  })
})

describe('without the poll', () => {
  beforeAll(() => void vi.useFakeTimers({ toFake: ['setInterval'] }))
  afterAll(() => void vi.useRealTimers())

  describe.concurrent('a file is seen to change', () => {
    test.each(changes.filter(({ pollOnly }) => pollOnly !== true))(
      'when it is $way',
      async ({ files, before, change }) => {
        await using watched = await watchFor(files, before)
        for (let n = 1; n <= 4; n++) {
          await change(watched.at, n)
          await watched.callsReach(n)
        }
      },
    )
  })
})

describe.concurrent('the same content is no change', () => {
  test.each(sameContent)('when the file is $way', async ({ files, before, change }) => {
    await using watched = await watchFor(files, before)
    for (let n = 1; n <= 3; n++) {
      await change(watched.at, n)
      await sleep(200)
    }
    await sleep(quietMs)
    expect(watched.calls).toBe(0)
    await writeByRename(watched.at, 'routes.yaml', 'stable: other\n')
    await watched.callsReach(1)
  })
})

/** Alone: a file that is left alone for a tenth of a second, because other tests keep this process busy, has stopped being written. */
test('a file that never stops being written is seen all the same', async () => {
  await using watched = await watchFor(['routes.yaml'], writeRoutes)
  await sleep(200)
  const end = Date.now() + limitMs
  for (let i = 0; watched.calls === 0 && Date.now() < end; i++) {
    fs.writeFileSync(join(watched.at, 'routes.yaml'), `# ${i}\n`)
    await new Promise((resume) => setImmediate(resume))
  }
  expect(watched.calls).toBeGreaterThan(0)
})

describe.concurrent('a watch', () => {
  test('sees a change that comes right after it began, of the same size', async () => {
    await using watched = await watchFor(['routes.yaml'], writeRoutes, (at) => {
      fs.writeFileSync(join(at, 'routes.yaml'), 'stable: v1\n')
    })
    await watched.callsReach(1)
  })

  test('follows the files it was given last, and loses no change of those that stay', async () => {
    await using watched = await watchFor(['routes.yaml', 'old.txt'], async (at) => {
      await writeRoutes(at)
      await writeInPlace(at, 'old.txt', 'anna\n')
      await writeInPlace(at, 'new.txt', 'bert\n')
    })
    fs.writeFileSync(join(watched.at, 'routes.yaml'), 'stable: v1\n')
    watched.watch.update([join(watched.at, 'routes.yaml'), join(watched.at, 'new.txt')])
    await watched.callsReach(1)
    await writeInPlace(watched.at, 'old.txt', 'carl\n')
    await sleep(quietMs)
    expect(watched.calls, 'old.txt is followed no more').toBe(1)
    await writeInPlace(watched.at, 'new.txt', 'dora\n')
    await watched.callsReach(2)
  })

  test('is over when it is closed, pending calls too', async () => {
    await using watched = await watchFor(['routes.yaml'], writeRoutes)
    await writeInPlace(watched.at, 'routes.yaml', 'stable: v1\n')
    watched.watch.close()
    watched.watch.update([join(watched.at, 'other.yaml')])
    await writeInPlace(watched.at, 'routes.yaml', 'stable: v2\n')
    await writeInPlace(watched.at, 'other.yaml', 'stable: v2\n')
    await sleep(quietMs)
    expect(watched.calls).toBe(0)
  })

  test('does not open a pipe, and sees the file that replaces it', async () => {
    await using watched = await watchFor(['routes.yaml'], async (at) => {
      const child = spawn('mkfifo', [join(at, 'routes.yaml')], { stdio: 'ignore' })
      expect(await once(child, 'exit')).toEqual([0, null])
    })
    await sleep(300)
    await writeByRename(watched.at, 'routes.yaml', 'stable: v1\n')
    await watched.callsReach(1)
  })

  test('ends in an error code, not in a loop, on a symlink to itself, and sees it mended', async () => {
    await using watched = await watchFor(['routes.yaml'], (at) => symlink('routes.yaml', join(at, 'routes.yaml')))
    await sleep(300)
    await writeByRename(watched.at, 'routes.yaml', 'stable: v1\n')
    await watched.callsReach(1)
  })

  test('keeps no process alive', async () => {
    await writeRoutes(directory)
    const module = new URL('../../src/config/watch.ts', import.meta.url).href
    const file = join(directory, 'routes.yaml')
    const program = `import { watchConfiguration } from ${JSON.stringify(module)}
      watchConfiguration({ files: [${JSON.stringify(file)}], onChange: () => {} })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' })
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
    expect(await once(child, 'exit')).toEqual([0, null])
    clearTimeout(late)
  })
})

// fs.watch of the whole process is replaced here, so these run alone.
describe('without help of fs.watch', () => {
  const { watch } = fs
  afterEach(() => replaceWatch(watch))

  test.each(['EMFILE', 'ENOSPC'])('changes are seen when it throws %s', async (code) => {
    replaceWatch(() => {
      throw failure(code)
    })
    await changesAreSeen()
  })

  test('changes are seen when its watchers fail later', async () => {
    replaceWatch(((...parameters: Parameters<typeof watch>) => {
      const watcher = watch(...parameters)
      watcher.removeAllListeners('change')
      setTimeout(() => watcher.emit('error', failure('ENOSPC')), 10)
      return watcher
    }) as typeof watch)
    await changesAreSeen()
  })

  test('changes are seen when it tells nothing, as on network file systems', async () => {
    replaceWatch(((...parameters: Parameters<typeof watch>) => {
      const watcher = watch(...parameters)
      watcher.removeAllListeners('change')
      return watcher
    }) as typeof watch)
    await changesAreSeen()
  })
})

// The stat calls of the whole process are replaced here, so these run alone.
describe('when stat is slow to tell', () => {
  const { statSync } = fs
  const { stat } = fs.promises

  afterEach(() => replaceStat(statSync, stat))

  test('a file that is gone for a moment, just when it is looked at, did not change', async () => {
    await using watched = await watchFor(['routes.yaml'], writeRoutes)
    const file = join(watched.at, 'routes.yaml')
    let times = 0
    replaceStat(statSync, (async (...parameters: Parameters<typeof stat>) => {
      if (parameters[0] === file && times++ === 0) {
        fs.rmSync(file)
        await sleep(20)
        setTimeout(() => fs.writeFileSync(file, 'stable: v0\n'), 30)
      }
      return stat(...parameters)
    }) as typeof stat)
    await sleep(quietMs)
    expect(times).toBeGreaterThan(1)
    expect(watched.calls).toBe(0)
    await writeByRename(watched.at, 'routes.yaml', 'stable: v1\n')
    await watched.callsReach(1)
  })

  test('changes of the same size are seen, though time stamps are even seconds', async () => {
    replaceStat(
      ((...parameters: Parameters<typeof statSync>) => evenSeconds(statSync(...parameters))) as typeof statSync,
      (async (...parameters: Parameters<typeof stat>) => evenSeconds(await stat(...parameters))) as typeof stat,
    )
    await using watched = await watchFor(['routes.yaml'], writeRoutes)
    for (let n = 1; n <= 6; n++) {
      await writeInPlace(watched.at, 'routes.yaml', `stable: v${n}\n`)
      await watched.callsReach(n)
    }
  })
})

// Counts the inotify watches of the whole process, so these run alone.
describe.skipIf(!fs.existsSync('/proc/self/fdinfo'))('watchers', () => {
  test('are as many as the path has directories, however often it changes, and none after close', async () => {
    const before = await countWatchers()
    const watched = await watchFor(['routes.yaml'], (at) => writeConfigMap(at, 'routes.yaml', 'stable: v0\n', 0))
    await reaches(countWatchers, before + 2)
    for (let n = 1; n <= 9; n++) {
      await writeConfigMap(watched.at, 'routes.yaml', `stable: v${n}\n`, n)
      await watched.callsReach(n)
    }
    await reaches(countWatchers, before + 2)
    await watched[Symbol.asyncDispose]()
    await reaches(countWatchers, before)
  })

  test('go with the files that are followed no more', async () => {
    const before = await countWatchers()
    const watched = await watchFor(['routes.yaml'], writeRoutes)
    for (let i = 0; i < 30; i++) {
      await mkdir(join(watched.at, `${i}`))
      watched.watch.update([join(watched.at, `${i}/routes.yaml`)])
    }
    await reaches(countWatchers, before + 1)
    await watched[Symbol.asyncDispose]()
    await reaches(countWatchers, before)
  })

  test('are not made any more by a look that was under way at close', async () => {
    const before = await countWatchers()
    for (let i = 0; i < 20; i++) {
      const watched = await watchFor(['routes.yaml'], writeRoutes)
      if (i % 2 === 0) await sleep(1)
      await watched[Symbol.asyncDispose]()
    }
    await sleep(100)
    expect(await countWatchers()).toBe(before)
  })
})

interface Watched extends AsyncDisposable {
  readonly at: string
  readonly watch: ConfigurationWatch
  readonly calls: number
  callsReach(count: number): Promise<void>
}

async function changesAreSeen(): Promise<void> {
  await using watched = await watchFor(['routes.yaml'], (at) => writeConfigMap(at, 'routes.yaml', 'stable: v0\n', 0))
  for (let n = 1; n <= 3; n++) {
    await writeConfigMap(watched.at, 'routes.yaml', `stable: v${n}\n`, n)
    await watched.callsReach(n)
  }
  await writeInPlace(watched.at, '..data/routes.yaml', 'stable: v4\n')
  await watched.callsReach(4)
}

function replaceWatch(replacement: typeof fs.watch): void {
  fs.watch = replacement
  syncBuiltinESMExports()
}

function replaceStat(sync: typeof fs.statSync, async: typeof fs.promises.stat): void {
  fs.statSync = sync
  fs.promises.stat = async
  syncBuiltinESMExports()
}

function evenSeconds(stats: unknown): unknown {
  for (const [name, value] of Object.entries(stats as Record<string, unknown>)) {
    if (typeof value !== 'bigint' || !/^[mc]time(Ns|Ms)$/.test(name)) continue
    const grain = name.endsWith('Ns') ? 2_000_000_000n : 2000n
    Object.assign(stats as object, { [name]: value - (value % grain) })
  }
  return stats
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: inotify`), { code })
}

let cases = 0

/** A watch in a directory of its own; `atOnce` runs in the same turn. */
async function watchFor(
  files: readonly string[] = ['routes.yaml'],
  before: (at: string) => Promise<void> = async () => {},
  atOnce: (at: string) => void = () => {},
): Promise<Watched> {
  const at = join(directory, `case-${++cases}`)
  await mkdir(at)
  await before(at)
  let calls = 0
  const watch = watchConfiguration({ files: files.map((file) => `${at}/${file}`), onChange: () => void calls++ })
  atOnce(at)
  return {
    at,
    watch,
    get calls() {
      return calls
    },
    callsReach: (count) => reaches(async () => calls, count),
    async [Symbol.asyncDispose]() {
      watch.close()
    },
  }
}

async function reaches(measure: () => Promise<number>, wanted: number): Promise<void> {
  for (const end = Date.now() + limitMs; (await measure()) !== wanted && Date.now() < end;) await sleep(10)
  expect(await measure(), `within ${limitMs} ms`).toBe(wanted)
}

async function countWatchers(): Promise<number> {
  let count = 0
  for (const fd of await readdir('/proc/self/fdinfo')) {
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '')
    count += info.split('\n').filter((line) => line.startsWith('inotify wd:')).length
  }
  return count
}
